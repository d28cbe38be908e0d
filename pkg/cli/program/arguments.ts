/** Flags whose value is the word true or false, unlike switches. */
const TRUE_OR_FALSE = new Set(['dry-run', 'cascade', 'validate', 'namespaced']);

/** Flags that may stand without a value and then mean this one, as in kubectl: their value is only ever given with "=". */
const BARE: Readonly<Record<string, string>> = {
  '--dry-run': 'client',
  '--cascade': 'background',
  '--validate': 'strict',
  '--namespaced': 'true',
};

/** Switches that have the same letter in every command. */
const LETTERS: Readonly<Record<string, string>> = {
  A: 'all-namespaces',
  R: 'recursive',
  q: 'quiet',
  t: 'tty',
  w: 'watch',
};

/** `--flag=true`, `--flag=false`, `-w=false` as commander spells them; undefined for what is no switch with a value. */
function switchOf(arg: string): string[] | undefined {
  const [long, letter = '', value] = /^(?:--([a-z-]+)|-([a-zA-Z]))=(true|false)$/.exec(arg)?.slice(1) ?? [];
  const name = long ?? LETTERS[letter];
  if (name === undefined || TRUE_OR_FALSE.has(name)) return undefined;
  if (value === 'true') return [`--${name}`];
  return name.startsWith('no-') ? [] : [`--no-${name}`];
}

/**
 * Brings kubectl's spellings to those commander reads: `--flag=true`, `--flag=false`, `-o=json`, `--dry-run` alone.
 * What comes after "--" is the command to run in a container and is split off.
 */
export function normalizeArguments(argv: readonly string[]): { args: string[]; command: string[] } {
  const end = argv.indexOf('--');
  const own = end < 0 ? argv : argv.slice(0, end);
  const args = own.flatMap((arg) => {
    const bare = BARE[arg];
    if (bare !== undefined) return [`${arg}=${bare}`];
    return switchOf(arg) ?? [/^-[a-zA-Z]=/.test(arg) ? arg.slice(0, 2) + arg.slice(3) : arg];
  });
  return { args, command: end < 0 ? [] : argv.slice(end + 1) };
}
