import { Command, CommanderError } from 'commander';
import { versionInfo } from '#process/version.ts';
import { nearest } from './api/discovery.ts';
import { CliError, sentence } from './errors.ts';
import { normalizeArguments } from './program/arguments.ts';
import { changing } from './program/changing.ts';
import { clusterInfo } from './program/cluster-info.ts';
import { creating } from './program/creating.ts';
import { globals } from './program/flags.ts';
import { reading } from './program/reading.ts';
import { running } from './program/running.ts';
import { Session } from './program/session.ts';

/**
 * Runs one command line. @returns the exit code: 0, that of a command run in a container, or 1 after one sentence on
 * standard error.
 */
export async function run(argv: readonly string[]): Promise<number> {
  const { args, command } = normalizeArguments(argv);
  const session = new Session(command);
  try {
    await programOf(session).parseAsync(args, { from: 'user' });
    return session.exitCode;
  } catch (e) {
    // Commander has printed help or its own sentence already.
    if (e instanceof CommanderError) return e.exitCode;
    if (!session.signal.aborted) process.stderr.write(`${sentence(e)}\n`);
    return e instanceof CliError ? e.exitCode : 1;
  } finally {
    session.close();
  }
}

function programOf(session: Session): Command {
  const program = new Command('cox');
  program
    .description('The command line of Coxswain: what kubectl does, and a little more.')
    .version(versionInfo.gitVersion, '--version', 'print the version of cox')
    .helpCommand(true)
    .configureHelp({ showGlobalOptions: true, sortSubcommands: true })
    .exitOverride()
    .showSuggestionAfterError(false)
    .configureOutput({ outputError: (text, write) => write(explain(text, program)) });
  globals(program);
  for (const add of [reading, creating, changing, running, clusterInfo]) add(program, session);
  for (const c of program.commands) c.exitOverride().copyInheritedSettings(program);
  return program;
}

/** One sentence for what commander complains about. */
function explain(text: string, program: Command): string {
  const unknown = /unknown command '(.*)'/.exec(text)?.[1];
  if (unknown === undefined) return `${text.trim().split('\n')[0]}\n`;
  const names = program.commands.flatMap((c) => [c.name(), ...c.aliases()]);
  const near = nearest(unknown, names);
  return `error: unknown command "${unknown}" for "cox"${near ? `; did you mean "${near}"?` : ', see "cox --help"'}\n`;
}
