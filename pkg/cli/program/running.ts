import { type Command, Option } from 'commander';
import type { AttachFlags } from '../commands/attach.ts';
import type { ExecFlags } from '../commands/exec.ts';
import type { LogFlags } from '../commands/logs.ts';
import type { RunFlags } from '../commands/run.ts';
import type { GlobalOptions } from '../context.ts';
import type { DebugFlags } from '../debug/pods.ts';
import { CliError } from '../errors.ts';
import type { Sources } from '../manifests.ts';
import type { RollingUpdateFlags } from '../rollout/rolling-update.ts';
import type { RolloutFlags } from '../rollout/workload.ts';
import { collect, deletion, dryRun, files, flag, output, selector, wholeNumber, writes } from './flags.ts';
import type { Session } from './session.ts';

/** Commands about what runs in pods. */
export function running(program: Command, session: Session): void {
  logsCommand(program, session);
  execCommand(program, session);
  runCommand(program, session);
  attachCommand(program, session);
  debugCommand(program, session);
  rolloutCommands(program, session);
  rollingUpdateCommand(program, session);
}

function logsCommand(program: Command, session: Session): void {
  const logs = selector(program.command('logs [what...]'))
    .description('Show what containers print: cox logs -f web-0, cox logs deploy/web')
    .option('-c, --container <name>', 'which container')
    .option('--since <duration>', 'not older than this, such as 5m')
    .option('--since-time <time>', 'not before this time (RFC 3339)')
    .option('--tail <lines>', 'only the last lines')
    .option('--limit-bytes <n>', 'at most this much')
    .option('--max-log-requests <n>', 'streams at a time with -f; default 100')
    .option('--pod-running-timeout <duration>', 'give up waiting for a pod of a workload after this long', '20s');
  for (const [flags, text] of [
    ['-f, --follow', 'go on as more is printed'],
    ['-p, --previous', 'of the run before the last restart'],
    ['--all-containers', 'of every container'],
    ['--timestamps', 'when each line was printed'],
    ['--prefix', 'where each line comes from'],
    ['--all-pods', 'of every pod of a workload'],
    ['--ignore-errors', 'go on with others when one cannot be had'],
    ['--insecure-skip-tls-verify-backend', 'the API server believes any certificate of the node'],
  ] as const) {
    flag(logs, flags, text);
  }
  session.action<LogFlags>(logs, async (ctx, args, o) => (await import('../commands/logs.ts')).logs(ctx, args, o));
}

function execCommand(program: Command, session: Session): void {
  const exec = program
    .command('exec [pod] [command...]')
    .description('Run a command in a container: cox exec -it web-0 -- sh')
    .option('-c, --container <name>', 'which container')
    .option('-f, --filename <file>', 'file that names the pod, or what has it', collect)
    .option('--pod-running-timeout <duration>', 'give up waiting for a pod of a workload after this long', '1m');
  flag(exec, '-i, --stdin', 'pass standard input on');
  flag(exec, '-t, --tty', 'with a terminal');
  flag(exec, '-q, --quiet', 'only what the command prints');
  session.action<ExecFlags & GlobalOptions>(exec, async (ctx, args, flags) => {
    const { exec: run } = await import('../commands/exec.ts');
    const { command } = session;
    if (args.length === 0 && !flags.filename) throw new CliError('pod, type/name or --filename must be specified');
    if (args.length > (flags.filename ? 0 : 1) && command.length === 0)
      throw new CliError('exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead');
    return run(ctx, { target: args[0] ?? '', command, flags, terminal: process });
  });
}

function runCommand(program: Command, session: Session): void {
  const run = deletion(writes(program.command('run [what...]')))
    .description('Run one pod: cox run -it --rm try --image=busybox -- sh')
    .option('--image <image>', 'image to run')
    .option('--image-pull-policy <policy>', 'Always, IfNotPresent or Never')
    .option('--restart <policy>', 'Always, OnFailure or Never')
    .option('--port <port>', 'port its container listens on')
    .option('--env <key=value>', 'variable of its container; repeatable', collect)
    .option('-l, --labels <labels>', 'labels instead of run=NAME')
    .option('--annotations <key=value>', 'annotation; repeatable', collect)
    .option('--overrides <json>', 'laid over the pod before it is made')
    .option('--override-type <type>', 'what --overrides is: a merge, strategic or json patch', 'merge')
    .option('--pod-running-timeout <duration>', 'give up waiting for it to run after this long', '1m');
  for (const [flags, text] of [
    ['-i, --stdin', 'pass standard input on'],
    ['-t, --tty', 'with a terminal'],
    ['--attach', 'show what it prints until it ends'],
    ['--rm', 'delete it when it has ended'],
    ['--force', 'with --rm --grace-period=0: do not wait for the process'],
    ['--wait', 'with --rm: until it is gone'],
    ['-q, --quiet', 'only what the command prints'],
    ['--command', 'what follows "--" is the command, not its arguments'],
    ['--expose', 'a Service for its --port, too'],
    ['--privileged', 'with all rights on the node'],
    ['--leave-stdin-open', 'let others attach after the first'],
    ['--save-config', 'keep what is created for a later apply'],
  ] as const) {
    flag(run, flags, text);
  }
  session.action<RunFlags>(run, async (ctx, args, o) =>
    (await import('../commands/run.ts')).run(ctx, args, session.command, o),
  );
}

function attachCommand(program: Command, session: Session): void {
  const attach = program
    .command('attach [what...]')
    .description('Join what runs in a container: cox attach -it web-0')
    .option('-c, --container <name>', 'which container')
    .option('--pod-running-timeout <duration>', 'give up waiting for it to run after this long', '1m');
  flag(attach, '-i, --stdin', 'pass standard input on');
  flag(attach, '-t, --tty', 'with a terminal');
  flag(attach, '-q, --quiet', 'only what the container prints');
  session.action<AttachFlags>(attach, async (ctx, args, o) =>
    (await import('../commands/attach.ts')).attach(ctx, args, o),
  );
}

function debugCommand(program: Command, session: Session): void {
  const debug = files(program.command('debug [what...]'))
    .description('Look around in a pod or on a node: cox debug -it web-0 --image=busybox --target=app')
    .option('--image <image>', 'image of the container to debug with')
    .option('--image-pull-policy <policy>', 'Always, IfNotPresent or Never')
    .option('-c, --container <name>', 'its name')
    .option('--target <container>', 'see the processes of this container')
    .option('--env <key=value>', 'variable of the container; repeatable', collect)
    .option('--profile <name>', 'rights: legacy, general, baseline, restricted, netadmin or sysadmin')
    .option('--custom <file>', 'fields laid over the container')
    .option('--copy-to <name>', 'leave the pod alone and make a copy of this name')
    .option('--set-image <container=image>', 'with --copy-to: other images; repeatable', collect);
  for (const [flags, text] of [
    ['-i, --stdin', 'pass standard input on'],
    ['-t, --tty', 'with a terminal'],
    ['--attach', 'show what the container prints'],
    ['-q, --quiet', 'only what the container prints'],
    ['--arguments-only', 'what follows "--" are arguments, not the command'],
    ['--replace', 'with --copy-to: delete the pod'],
    ['--same-node', 'with --copy-to: on the same node'],
    ['--keep-labels', 'with --copy-to: with its labels'],
    ['--keep-annotations', 'with --copy-to: with its annotations'],
    ['--keep-liveness', 'with --copy-to: with its liveness probes'],
    ['--keep-readiness', 'with --copy-to: with its readiness probes'],
    ['--keep-startup', 'with --copy-to: with its startup probes'],
  ] as const) {
    flag(debug, flags, text);
  }
  // Whether it was given counts, so there is no default.
  debug.option('--share-processes', 'with --copy-to: containers see each other');
  debug.addOption(new Option('--no-share-processes').hideHelp());
  flag(debug, '--keep-init-containers', 'with --copy-to: with its init containers', true);
  session.action<DebugFlags & Sources>(debug, async (ctx, args, flags) =>
    (await import('../debug/debug.ts')).debug(ctx, args, { command: session.command, flags }),
  );
}

function rolloutCommands(program: Command, session: Session): void {
  const rollout = program.command('rollout').description('Follow, undo, pause and repeat the roll-out of a workload');
  const sub = (name: string, description: string): Command =>
    selector(output(files(rollout.command(`${name} [what...]`)))).description(description);
  const add = (command: Command): Command =>
    session.action<RolloutFlags>(command, async (ctx, args, o) =>
      (await import('../commands/rollout.ts')).rollout(ctx, command.name(), args, o),
    );
  const status = sub('status', 'Wait for the roll-out to end')
    .option('--timeout <duration>', 'give up after this long', '0s')
    .option('--revision <n>', 'only of this revision', '0');
  add(flag(status, '-w, --watch', 'until it ends', true));
  add(sub('history', 'Show its revisions').option('--revision <n>', 'one of them, whole', '0'));
  add(
    dryRun(sub('undo', 'Go back to an earlier revision')).option(
      '--to-revision <n>',
      'which; 0 for the last',
      wholeNumber,
      0,
    ),
  );
  for (const [name, text] of [
    ['restart', 'Make every pod anew'],
    ['pause', 'Let changes wait'],
    ['resume', 'Go on with changes'],
  ] as const) {
    add(sub(name, text).option('--field-manager <name>', 'who the changed fields belong to', 'kubectl-rollout'));
  }
}

function rollingUpdateCommand(program: Command, session: Session): void {
  const command = files(program.command('rolling-update [what...]'))
    .description('Replace one ReplicationController by another: cox rolling-update OLD NEW --image=web:2')
    .option('--image <image>', 'of the container, in a copy of the old controller')
    .option('--container <name>', 'which container, if there are several')
    .option('--update-period <duration>', 'between two steps', '0s')
    .option('--poll-interval <duration>', 'between two looks at pods that are awaited', '1s')
    .option('--timeout <duration>', 'give up when no pod becomes ready for this long', '5m0s');
  flag(command, '--rollback', 'go back to the old one');
  session.action<RollingUpdateFlags>(command, async (ctx, args, o) =>
    (await import('../rollout/rolling-update.ts')).rollingUpdate(ctx, args, o),
  );
}
