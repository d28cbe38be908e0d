import type { Command } from 'commander';
import type { ExecFlags } from '../commands/exec.ts';
import type { LogFlags } from '../commands/logs.ts';
import type { RolloutFlags } from '../commands/rollout.ts';
import type { GlobalOptions } from '../context.ts';
import { files, flag, output, selector } from './flags.ts';
import type { Session } from './session.ts';

/** Commands about what runs in pods. */
export function running(program: Command, session: Session): void {
  logsCommand(program, session);
  execCommand(program, session);
  rolloutCommands(program, session);
}

function logsCommand(program: Command, session: Session): void {
  const logs = selector(program.command('logs [what...]'))
    .description('Show what containers print: cox logs -f web-0, cox logs deploy/web')
    .option('-c, --container <name>', 'which container')
    .option('--since <duration>', 'not older than this, such as 5m')
    .option('--since-time <time>', 'not before this time (RFC 3339)')
    .option('--tail <lines>', 'only the last lines')
    .option('--limit-bytes <n>', 'at most this much')
    .option('--max-log-requests <n>', 'streams at a time with -f', '5');
  for (const [flags, text] of [
    ['-f, --follow', 'go on as more is printed'],
    ['-p, --previous', 'of the run before the last restart'],
    ['--all-containers', 'of every container'],
    ['--timestamps', 'when each line was printed'],
    ['--prefix', 'where each line comes from'],
  ] as const) {
    flag(logs, flags, text);
  }
  session.action<LogFlags>(logs, async (ctx, args, o) => (await import('../commands/logs.ts')).logs(ctx, args, o));
}

function execCommand(program: Command, session: Session): void {
  const exec = program
    .command('exec <pod> [command...]')
    .description('Run a command in a container: cox exec -it web-0 -- sh')
    .option('-c, --container <name>', 'which container');
  flag(exec, '-i, --stdin', 'pass standard input on');
  flag(exec, '-t, --tty', 'with a terminal');
  flag(exec, '-q, --quiet', 'only what the command prints');
  session.action<ExecFlags & GlobalOptions>(exec, async (ctx, args, flags) => {
    const { exec: run } = await import('../commands/exec.ts');
    const command = session.command.length > 0 ? session.command : args.slice(1);
    return run(ctx, ctx.config, { target: args[0] ?? '', command, flags, terminal: process });
  });
}

function rolloutCommands(program: Command, session: Session): void {
  const rollout = program.command('rollout').description('Follow, undo, pause and repeat the roll-out of a workload');
  const sub = (name: string, description: string): Command =>
    selector(output(files(rollout.command(`${name} [what...]`)))).description(description);
  const add = (command: Command): Command =>
    session.action<RolloutFlags>(command, async (ctx, args, o) =>
      (await import('../commands/rollout.ts')).rollout(ctx, command.name(), args, o),
    );
  add(
    flag(
      sub('status', 'Wait for the roll-out to end').option('--timeout <duration>', 'give up after this long', '0s'),
      '-w, --watch',
      'until it ends',
      true,
    ),
  );
  add(sub('history', 'Show its revisions').option('--revision <n>', 'one of them, whole', '0'));
  add(sub('undo', 'Go back to an earlier revision').option('--to-revision <n>', 'which; 0 for the last', '0'));
  add(sub('restart', 'Make every pod anew'));
  add(sub('pause', 'Let changes wait'));
  add(sub('resume', 'Go on with changes'));
}
