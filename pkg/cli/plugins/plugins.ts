import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import { constants as os } from 'node:os';
import { join } from 'node:path';
import { CliError } from '../errors.ts';

/** kubectl's plugins are cox's as well; of two of one name cox's own is taken. */
const PREFIXES = ['cox-', 'kubectl-'];

const folders = (): string[] => [...new Set((process.env.PATH ?? '').split(':').filter(Boolean))];

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The program for the longest beginning of a line: `cox a b c` is cox-a-b with "c", if there is no cox-a-b-c. */
function find(words: readonly string[]): { path: string; taken: number } | undefined {
  for (let taken = words.length; taken > 0; taken--) {
    const name = words
      .slice(0, taken)
      .map((w) => w.replaceAll('-', '_'))
      .join('-');
    for (const prefix of PREFIXES) {
      const path = folders()
        .map((f) => join(f, `${prefix}${name}`))
        .find(isProgram);
      if (path) return { path, taken };
    }
  }
  return undefined;
}

/** Runs the plugin a line means. @returns its exit code; undefined when there is none */
export async function runPlugin(
  argv: readonly string[],
  session: { yieldTo(program: ChildProcess): void },
): Promise<number | undefined> {
  const end = argv.findIndex((a) => a.startsWith('-'));
  const found = find(end < 0 ? argv : argv.slice(0, end));
  if (!found) return undefined;
  const child = spawn(found.path, argv.slice(found.taken), { stdio: 'inherit' });
  session.yieldTo(child);
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  return code ?? 128 + (signal ? os.signals[signal] : 0);
}

const names = (folder: string): string[] => {
  try {
    return readdirSync(folder).filter((n) => PREFIXES.some((p) => n.startsWith(p)));
  } catch {
    return [];
  }
};

/** `cox plugin list`. @param builtin commands that plugins cannot replace. @returns the exit code */
export function listPlugins(
  to: { out: (text: string) => void; err: (text: string) => void },
  o: { readonly nameOnly?: boolean },
  builtin: readonly string[],
): Promise<number> {
  const found = folders().flatMap((folder) => names(folder).map((name) => ({ name, path: join(folder, name) })));
  if (found.length === 0) throw new CliError('unable to find any cox or kubectl plugins in your PATH');
  to.out('The following compatible plugins are available:\n\n');
  const seen = new Map<string, string>();
  let problems = 0;
  const warn = (text: string): void => {
    problems++;
    to.err(`  - warning: ${text}\n`);
  };
  for (const { name, path } of found) {
    to.out(`${o.nameOnly ? name : path}\n`);
    const word = name.replace(/^(cox|kubectl)-/, '');
    const first = seen.get(name);
    if (first) warn(`${path} is overshadowed by a similarly named plugin: ${first}`);
    else seen.set(name, path);
    if (!isProgram(path)) warn(`${path} identified as a plugin, but it is not executable`);
    if (builtin.includes(word)) warn(`${name} overwrites existing command: "cox ${word}"`);
  }
  if (problems > 0)
    throw new CliError(`${problems === 1 ? 'one plugin warning was' : `${problems} plugin warnings were`} found`);
  return Promise.resolve(0);
}
