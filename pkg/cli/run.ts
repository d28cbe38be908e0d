import { Command, CommanderError } from 'commander';
import { versionInfo } from '#process/version.ts';
import { nearest } from './api/discovery.ts';
import { sentence } from './errors.ts';
import { saysMore } from './interrupted.ts';
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
      const code = await (await import('./plugins/plugins.ts')).runPlugin(argv, session);
      if (code !== undefined) return code;
    }
    await program.parseAsync(args, { from: 'user' });
    return session.exitCode;
  } catch (e) {
    // Commander has printed help or its own sentence already.
    if (e instanceof CommanderError) return e.exitCode;
    if (!session.signal.aborted) session.err(`${[sentence(e), ...(await hints(session, e))].join('\n')}\n`);
    else if (saysMore(e)) session.err(`${sentence(e)}\n`);
    return session.signal.aborted ? session.exitCode : ((e as { exitCode?: number }).exitCode ?? 1);
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
    .configureOutput({ outputError: (text, write) => write(explain(text, program)) });
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
    c.configureOutput({ outputError: (text, write) => write(explain(text, c)) });
    inherit(c);
  }
}

/** One sentence for what commander complains about, and where to look. */
function explain(text: string, command: Command): string {
  const path = pathOf(command);
  const [said = ''] = text.trim().split('\n');
  const unknown = /unknown command '(.*)'/.exec(said)?.[1];
  if (unknown !== undefined) {
    const names = command.parent ? command.commands.map((c) => c.name()) : commandNames();
    const near = nearest(unknown, names);
    return `error: unknown command "${unknown}" for "${path}"${near ? `; did you mean "${near}"?` : `, see "${path} --help"`}\n`;
  }
  const flag = /unknown option '(--[^'=]+)/.exec(said)?.[1];
  const near = flag && nearest(flag, flagNames(command));
  return `${said}${near ? `; did you mean "${near}"?` : `, see "${path} --help"`}\n`;
}

/** "cox config set". */
const pathOf = (c: Command): string => (c.parent ? `${pathOf(c.parent)} ${c.name()}` : c.name());

const flagNames = (c: Command): string[] => [
  ...c.options.flatMap((o) => (o.hidden || !o.long ? [] : [o.long])),
  ...(c.parent ? flagNames(c.parent) : []),
];
