import { type ApiResource, pathOf, qualified } from '../api/discovery.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { interrupted, isCut } from '../interrupted.ts';
import { converse } from '../remote/channels.ts';
import { chosenObjects } from '../targets.ts';
import { parseSeconds } from './logs.ts';
import { defaultContainer, podsOf } from './pods-of.ts';

export interface ExecFlags {
  readonly container?: string;
  readonly stdin?: boolean;
  readonly tty?: boolean;
  readonly quiet?: boolean;
  /** The pod, or what has it, as a file says. */
  readonly filename?: readonly string[];
  readonly podRunningTimeout?: string;
}

/** What is named by a file. */
async function targetOf(ctx: CliContext, filename: readonly string[]): Promise<string> {
  const [first] = await chosenObjects(ctx, [], { filename });
  return `${qualified(first?.resource as ApiResource)}/${first?.name}`;
}

/** `cox exec POD -- COMMAND`. @returns the exit code of the command */
export async function exec(
  ctx: CliContext,
  how: { target: string; command: readonly string[]; flags: ExecFlags; terminal: NodeJS.Process },
): Promise<number> {
  const { flags, command, terminal } = how;
  if (command.length === 0) throw new CliError('you must specify at least one command for the container');
  const target = flags.filename ? await targetOf(ctx, flags.filename) : how.target;
  const [pod] = await podsOf(ctx, [target], undefined, { seconds: parseSeconds(flags.podRunningTimeout ?? '1m') });
  const container = flags.container ?? defaultContainer(pod, flags.quiet ? () => {} : ctx.err);
  const pods = await (await ctx.discovery()).find('pods');
  const tty = flags.tty === true && terminal.stdin.isTTY === true;
  if (flags.tty && !tty && !flags.quiet)
    ctx.err('Unable to use a TTY - input is not a terminal or the right kind of file\n');
  const query = new URLSearchParams({
    container: container ?? '',
    stdout: 'true',
    stderr: String(!tty),
    stdin: String(flags.stdin === true),
    tty: String(tty),
  });
  for (const c of command) query.append('command', c);
  const path = `${pathOf(pods, ctx.namespace, pod?.metadata?.name, 'exec')}?${query}`;
  const talk = converse(ctx, path, terminal, { stdin: flags.stdin === true, tty });
  const code = await talk.catch((e: unknown) => {
    if (isCut(ctx, e)) interrupted(ctx, [`pod/${pod?.metadata?.name}`], 'the command may go on in');
    throw e;
  });
  if (code !== 0 && !flags.quiet) ctx.err(`command terminated with exit code ${code}\n`);
  return code;
}
