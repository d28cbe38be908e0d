/** Flags that may stand without a value and then mean this one, as in kubectl: their value is only ever given with "=". */
/** Flags whose value is the word true or false, unlike switches. */
const TRUE_OR_FALSE = new Set(['dry-run', 'cascade', 'validate', 'namespaced']);

const BARE: Readonly<Record<string, string>> = {
  '--dry-run': 'client',
  '--cascade': 'background',
  '--validate': 'strict',
};

/**
 * Brings kubectl's spellings to those commander reads: `--flag=true`, `--flag=false`, `-o=json`, `--dry-run` alone.
 * What comes after "--" is the command to run in a container and is split off.
 */
export function normalizeArguments(argv: readonly string[]): { args: string[]; command: string[] } {
  const end = argv.indexOf('--');
  const own = end < 0 ? argv : argv.slice(0, end);
  const args = own.map((arg) => {
    const bare = BARE[arg];
    if (bare !== undefined) return `${arg}=${bare}`;
    const bool = /^--([a-z-]+)=(true|false)$/.exec(arg);
    if (bool && !TRUE_OR_FALSE.has(bool[1] ?? '')) return bool[2] === 'true' ? `--${bool[1]}` : `--no-${bool[1]}`;
    return /^-[a-zA-Z]=/.test(arg) ? arg.slice(0, 2) + arg.slice(3) : arg;
  });
  return { args, command: end < 0 ? [] : argv.slice(end + 1) };
}
