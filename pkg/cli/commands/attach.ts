import type { Pod } from '#api/kinds/index.ts';
import { systemClock } from '#async/clock.ts';
import { pathOf } from '../api/discovery.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { converse } from '../remote/channels.ts';
import { containerStatus, hasEnded, hasStarted, isFinished, untilPod } from '../remote/pod-state.ts';
import { parseSeconds } from './logs.ts';
import { defaultContainer, podsOf } from './pods-of.ts';

export interface AttachFlags {
  readonly container?: string;
  readonly stdin?: boolean;
  readonly tty?: boolean;
  readonly quiet?: boolean;
  readonly podRunningTimeout?: string;
}

const HINT = "If you don't see a command prompt, try pressing enter.\n";

/** Prints all a container has printed: for one that has ended before anybody could attach. */
async function printLogs(ctx: CliContext, pod: string, container: string | undefined): Promise<void> {
  const pods = await (await ctx.discovery()).find('pods');
  ctx.out(await ctx.rest.text({ path: pathOf(pods, ctx.namespace, pod, 'log'), query: { container }, accept: '*/*' }));
}

/** Joins a container that runs; of one that has ended, shows what it printed. */
export async function attachTo(
  ctx: CliContext,
  name: string,
  container: string | undefined,
  o: AttachFlags,
): Promise<void> {
  const limit = parseSeconds(o.podRunningTimeout ?? '1m') * 1000;
  const pod = await untilPod(ctx, name, hasStarted(container), limit);
  if (isFinished(pod) || !containerStatus(pod, container)?.state?.running) return printLogs(ctx, name, container);
  const declared = [...(pod.spec?.containers ?? []), ...(pod.spec?.ephemeralContainers ?? [])].find(
    (c) => c.name === container,
  );
  const tty = o.tty === true && declared?.tty === true && process.stdin.isTTY === true;
  if (o.tty && !declared?.tty && !o.quiet)
    ctx.err(`error: Unable to use a TTY - container ${container} did not allocate one\n`);
  if (!o.quiet) ctx.err(HINT);
  const query = new URLSearchParams({
    container: container ?? '',
    stdin: String(o.stdin === true),
    stdout: 'true',
    stderr: String(!(declared?.tty === true)),
    tty: String(declared?.tty === true),
  });
  const pods = await (await ctx.discovery()).find('pods');
  const path = `${pathOf(pods, ctx.namespace, name, 'attach')}?${query}`;
  await joined(ctx, { path, name, container, flags: { stdin: o.stdin === true, tty } });
}

/** How long what a container printed last may take after it has ended. */
const LAST_WORDS_MS = 1_000;
/** How long its status may take to say that it has ended. */
const STATUS_MS = 5_000;

/** Converses until the container ends; one that ended before it could be joined is read from its log. */
async function joined(
  ctx: CliContext,
  o: { path: string; name: string; container: string | undefined; flags: { stdin: boolean; tty: boolean } },
): Promise<void> {
  let heard = false;
  const over = new AbortController();
  const stop = new AbortController();
  const watcher = { ...ctx, signal: AbortSignal.any([ctx.signal, stop.signal]) };
  const watching = untilPod(watcher, o.name, hasEnded(o.container))
    .then(() => systemClock.sleep(LAST_WORDS_MS, stop.signal))
    .then(
      () => over.abort(),
      () => {},
    );
  try {
    await converse(ctx, o.path, process, {
      ...o.flags,
      signal: over.signal,
      heard: () => {
        heard = true;
      },
    });
  } catch (e) {
    if (ctx.signal.aborted) throw e;
    await untilPod(ctx, o.name, hasEnded(o.container), STATUS_MS).catch(() => Promise.reject(e));
    if (!heard) await printLogs(ctx, o.name, o.container);
  } finally {
    stop.abort();
    await watching;
  }
}

/** `cox attach POD` */
export async function attach(ctx: CliContext, args: readonly string[], o: AttachFlags): Promise<void> {
  if (args.length === 0) throw new CliError('POD, TYPE/NAME, or TYPE NAME are required for attach');
  const [pod] = await podsOf(ctx, [args.length > 1 ? args.join('/') : (args[0] ?? '')], undefined);
  if (pod && isFinished(pod)) {
    throw new CliError(`cannot attach a container in a completed pod; current phase is ${pod.status?.phase}`);
  }
  const container = o.container ?? defaultContainer(pod as Pod, o.quiet ? () => {} : ctx.err);
  const { name = '' } = pod?.metadata ?? {};
  const { initContainers = [], containers = [], ephemeralContainers = [] } = pod?.spec ?? {};
  if (![...initContainers, ...containers, ...ephemeralContainers].some((c) => c.name === container))
    throw new CliError(`cannot attach to the container: container ${container} not found in pod ${name}`);
  await attachTo(ctx, name, container, o);
}
