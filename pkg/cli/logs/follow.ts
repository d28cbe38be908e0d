import type { Pod } from '#api/kinds/index.ts';
import { pathOf } from '../api/discovery.ts';
import { watchToItsEnd } from '../api/watch-lines.ts';
import type { LogFlags } from '../commands/logs.ts';
import { defaultContainer } from '../commands/pods-of.ts';
import type { CliContext } from '../context.ts';
import { CliError, sentence } from '../errors.ts';
import { containerStatus, isFinished } from '../remote/pod-state.ts';
import { prefixOf, type Source, streamLogs } from './stream.ts';

/** Streams at a time, unless --max-log-requests says otherwise. */
const MAX_STREAMS = 100;
/** Colours that are read on dark and on light. */
const COLOURS = [36, 33, 32, 35, 34, 31, 96, 93, 92, 95, 94, 91];

const containersOf = (pod: Pod, o: LogFlags): (string | undefined)[] => {
  if (o.allContainers) return [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])].map((c) => c.name);
  return [o.container ?? defaultContainer(pod, () => {})];
};

/** The runs of containers whose output is being printed or has been. */
class Followers {
  readonly #ctx: CliContext;
  readonly #flags: LogFlags;
  readonly #terminal: boolean;
  /** Pod uid and container, to the number of the last run that was printed. */
  readonly #runs = new Map<string, number>();
  readonly #colours = new Map<string, number>();
  readonly #open = new Set<Promise<void>>();

  constructor(ctx: CliContext, flags: LogFlags, terminal: boolean) {
    this.#ctx = ctx;
    this.#flags = flags;
    this.#terminal = terminal;
  }

  /** Starts with every run of a pod's containers that has begun and is not printed yet. @throws CliError when there are too many */
  look(pod: Pod, born: boolean): void {
    for (const container of containersOf(pod, this.#flags)) {
      const status = containerStatus(pod, container);
      if (!status?.state?.running && !status?.state?.terminated) continue;
      const key = `${pod.metadata?.uid}/${container}`;
      const run = status.restartCount ?? 0;
      const before = this.#runs.get(key);
      if (before !== undefined && before >= run) continue;
      this.#runs.set(key, run);
      const max = Number(this.#flags.maxLogRequests ?? MAX_STREAMS);
      if (this.#open.size >= max)
        throw new CliError(
          `you are attempting to follow ${this.#open.size + 1} log streams, but maximum allowed concurrency is ${max}, use --max-log-requests to increase the limit`,
        );
      this.#start({ pod: pod.metadata?.name ?? '', container }, born || before !== undefined);
    }
  }

  /** @param whole from its first line: a run that began after the command */
  #start(source: Source, whole: boolean): void {
    const { tail: _t, since: _s, sinceTime: _st, ...others } = this.#flags;
    const flags = whole ? { ...others, tail: '-1' } : this.#flags;
    const stream = streamLogs(this.#ctx, source, flags, this.#prefix(source))
      .catch((e: unknown) => {
        if (!this.#ctx.signal.aborted) this.#ctx.err(`${sentence(e)}\n`);
      })
      .finally(() => this.#open.delete(stream));
    this.#open.add(stream);
  }

  #prefix(source: Source): string | undefined {
    if (!this.#terminal) return this.#flags.prefix ? prefixOf(source) : undefined;
    const colour = this.#colours.get(source.pod) ?? COLOURS[this.#colours.size % COLOURS.length] ?? 0;
    this.#colours.set(source.pod, colour);
    return `\u001b[${colour}m${prefixOf(source)}\u001b[0m`;
  }

  /** When everything that was begun has been printed. */
  async drained(): Promise<void> {
    while (this.#open.size > 0) await Promise.all(this.#open);
  }
}

/**
 * `cox logs -f -l`: the output of all pods that match, also of those that are born later and of containers that are started
 * again. Ends when pods were there and every one has finished.
 */
export async function followLogs(
  whole: CliContext,
  labelSelector: string,
  o: LogFlags,
  terminal: boolean,
): Promise<void> {
  const failed = new AbortController();
  try {
    const signal = AbortSignal.any([whole.signal, failed.signal]);
    await followAll({ ...whole, signal }, labelSelector, o, terminal);
  } finally {
    // When one more would be too many, nothing may go on that was begun.
    failed.abort();
  }
}

async function followAll(ctx: CliContext, labelSelector: string, o: LogFlags, terminal: boolean): Promise<void> {
  const followers = new Followers(ctx, o, terminal);
  const path = pathOf(await (await ctx.discovery()).find('pods'), ctx.namespace);
  const pods = new Map<string, Pod>();
  const over = (): boolean => pods.size > 0 && [...pods.values()].every(isFinished);
  for (let round = 0; !ctx.signal.aborted; round++) {
    const list = await ctx.rest.json<{ items: Pod[]; metadata: { resourceVersion: string } }>({
      path,
      query: { labelSelector },
    });
    pods.clear();
    for (const p of list.items) {
      pods.set(p.metadata?.uid ?? '', p);
      followers.look(p, round > 0);
    }
    if (list.items.length === 0 && round === 0)
      ctx.err(`No pods in ${ctx.namespace} namespace yet; waiting for the first\n`);
    if (over()) break;
    const query = { labelSelector, watch: true, resourceVersion: list.metadata.resourceVersion };
    for await (const e of watchToItsEnd(ctx.rest, { path, query, signal: ctx.signal })) {
      const pod = e.object as Pod;
      if (e.type === 'DELETED') pods.delete(pod.metadata?.uid ?? '');
      else pods.set(pod.metadata?.uid ?? '', pod);
      if (e.type !== 'DELETED') followers.look(pod, true);
      if (over()) break;
    }
    if (over()) break;
  }
  await followers.drained();
}
