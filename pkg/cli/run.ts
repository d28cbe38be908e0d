import { Command, CommanderError } from 'commander';
import { versionInfo } from '#process/version.ts';
import { nearest } from './api/discovery.ts';
import { sentence } from './errors.ts';
import { normalizeArguments } from './program/arguments.ts';
import { globals } from './program/flags.ts';
import { commandNames, groupsFor } from './program/groups.ts';
import { Session } from './program/session.ts';

/**
 * Runs one command line. @returns the exit code: 0, that of a command run in a container, or 1 after one sentence on
 * standard error.
 */
export async function run(argv: readonly string[]): Promise<number> {
  const { args, command } = normalizeArguments(argv);
  const session = new Session(command);
  try {
    const program = await programOf(session, argv);
    if (argv[0] === '__complete') {
      await (await import('./completion/complete.ts')).complete(program, session, argv.slice(1));
      return 0;
    }
    if (isUnknown(argv[0])) {
      const code = await (await import('./plugins/plugins.ts')).runPlugin(argv);
      if (code !== undefined) return code;
    }
    await program.parseAsync(args, { from: 'user' });
    return session.exitCode;
  } catch (e) {
    // Commander has printed help or its own sentence already.
    if (e instanceof CommanderError) return e.exitCode;
    if (!session.signal.aborted) process.stderr.write(`${[sentence(e), ...(await hints(session, e))].join('\n')}\n`);
    return (e as { exitCode?: number }).exitCode ?? 1;
  } finally {
    session.close();
  }
}

async function programOf(session: Session, argv: readonly string[]): Promise<Command> {
  const program = new Command('cox');
  program
    .description('The command line of Coxswain: what kubectl does, and a little more.')
    .version(versionInfo.gitVersion, '--version', 'print the version of cox')
    .helpCommand(true)
    .configureHelp({ showGlobalOptions: true, sortSubcommands: true })
    .exitOverride()
    .showSuggestionAfterError(false)
    .configureOutput({ outputError: (text, write) => write(explain(text)) });
  const [word] = globals(program, argv);
  for (const add of await groupsFor(word)) add(program, session);
  inherit(program);
  return program;
}

/** What may help somebody whose command has failed. */
async function hints({ opened }: Session, e: unknown): Promise<string[]> {
  return opened ? (await import('./hints.ts')).hintsFor(opened, e) : [];
}

/** A word that is no command of ours may be a plugin's. */
const isUnknown = (word: string | undefined): boolean =>
  word !== undefined && !word.startsWith('-') && word !== 'help' && !commandNames().includes(word);

/** Every command below fails and prints as the program does. */
function inherit(parent: Command): void {
  for (const c of parent.commands) {
    c.copyInheritedSettings(parent).exitOverride();
    inherit(c);
  }
}

/** One sentence for what commander complains about. */
function explain(text: string): string {
  const unknown = /unknown command '(.*)'/.exec(text)?.[1];
  if (unknown === undefined) return `${text.trim().split('\n')[0]}\n`;
  const near = nearest(unknown, commandNames());
  return `error: unknown command "${unknown}" for "cox"${near ? `; did you mean "${near}"?` : ', see "cox --help"'}\n`;
}
