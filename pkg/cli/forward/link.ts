import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { Pod } from '#api/kinds/index.ts';
import { isNotFound } from '#api/meta/errors.ts';
import { systemClock } from '#async/clock.ts';
import { SpdySession } from '#spdy/session.ts';
import { podsOf } from '../commands/pods-of.ts';
import type { CliContext } from '../context.ts';
import { CliError, sentence } from '../errors.ts';
import { isFinished, untilPod } from '../remote/pod-state.ts';

/** How long a pod that was replaced may take to run, and the pause between looks. */
const REPLACEMENT_MS = 60_000;
const LOOK_MS = 300;
/** The pause before a pod that could not be watched is looked at again. */
const UNSEEN_MS = 2_000;

const usable = (p: Pod): boolean => p.status?.phase === 'Running' && !p.metadata?.deletionTimestamp;

/**
 * Waits until a pod is as said, or is no more, or nobody waits. That it cannot be watched (by who may not, by a server that
 * starts anew) says nothing about the pod.
 */
async function untilOver(ctx: CliContext, name: string, over: (p: Pod) => boolean): Promise<void> {
  while (!ctx.signal.aborted) {
    try {
      await untilPod(ctx, name, over);
      return;
    } catch (e) {
      if (e instanceof CliError || isNotFound(e)) return;
      await systemClock.sleep(UNSEEN_MS, ctx.signal).catch(() => undefined);
    }
  }
}

/**
 * The way to one pod of a target, over which any number of connections go. When the pod goes away, the next connection
 * goes to the one that takes its place.
 */
export class PodLink {
  readonly #ctx: CliContext;
  readonly #target: string;
  #session: SpdySession | undefined;
  /** With those of pods that are going away. */
  readonly #sessions = new Set<SpdySession>();
  #opening: Promise<SpdySession> | undefined;
  #pod: Pod | undefined;
  #requests = 0;

  constructor(ctx: CliContext, target: string) {
    this.#ctx = ctx;
    this.#target = target;
  }

  /** Looks for a pod and opens the way to it. @throws CliError when none runs in time */
  async connect(limitMs: number): Promise<Pod> {
    await this.#open(limitMs);
    return this.#pod as Pod;
  }

  #open(limitMs: number): Promise<SpdySession> {
    if (this.#session && !this.#session.signal.aborted) return Promise.resolve(this.#session);
    this.#opening ??= this.#start(limitMs).finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #start(limitMs: number): Promise<SpdySession> {
    const before = this.#pod;
    const pod = await this.#findPod(limitMs);
    const name = pod.metadata?.name ?? '';
    const path = `/api/v1/namespaces/${pod.metadata?.namespace}/pods/${name}/portforward`;
    const { socket, head } = await this.#ctx.rest.upgrade(path, {
      upgrade: 'SPDY/3.1',
      'x-stream-protocol-version': 'portforward.k8s.io',
    });
    const session = new SpdySession(socket, {
      role: 'client',
      clock: systemClock,
      head,
      onStream: (s) => s.destroy(),
    });
    if (before && before.metadata?.uid !== pod.metadata?.uid)
      this.#ctx.err(`Pod replaced: forwarding to ${name} now\n`);
    this.#pod = pod;
    this.#session = session;
    this.#sessions.add(session);
    void this.#watch(pod, session);
    return session;
  }

  /** Forgets a pod that goes away: what is connected may go on until it is gone, and then ends. */
  async #watch(pod: Pod, session: SpdySession): Promise<void> {
    const uid = pod.metadata?.uid;
    const ctx = { ...this.#ctx, signal: AbortSignal.any([this.#ctx.signal, session.signal]) };
    const gone = (p: Pod): boolean => p.metadata?.uid !== uid;
    const name = pod.metadata?.name ?? '';
    await untilOver(ctx, name, (p) => gone(p) || !usable(p));
    if (this.#session === session) this.#session = undefined;
    await untilOver(ctx, name, gone);
    this.#sessions.delete(session);
    session.destroy();
  }

  async #findPod(limitMs: number): Promise<Pod> {
    const end = systemClock.now() + limitMs;
    for (;;) {
      let why = new CliError(`no pod of ${this.#target} is running`);
      // The first time an unknown name is told at once; later it may be on its way.
      const [pod] = await podsOf(this.#ctx, [this.#target], undefined).catch((e: Error) => {
        if (!this.#pod) throw e;
        why = new CliError(sentence(e).replace(/^error: /, ''));
        return [] as Pod[];
      });
      if (pod && usable(pod)) return pod;
      if (pod && isFinished(pod) && !this.#pod)
        throw new CliError(`unable to forward port because pod is not running. Current status=${pod.status?.phase}`);
      if (systemClock.now() > end) throw why;
      await systemClock.sleep(LOOK_MS, this.#ctx.signal);
    }
  }

  /** Carries one connection until both ends have closed it. Problems are told, not thrown. */
  async carry(socket: Socket, pair: { local: number; remote: number }): Promise<void> {
    try {
      const session = await this.#open(REPLACEMENT_MS);
      const headers = { port: String(pair.remote), requestid: String(this.#requests++) };
      const error = session.open({ ...headers, streamtype: 'error' });
      error.end();
      const data = session.open({ ...headers, streamtype: 'data' });
      const told = text(error).catch(() => '');
      await Promise.allSettled([pipeline(socket, data), pipeline(data, socket, { end: true })]);
      const problem = await told;
      if (problem) this.#ctx.err(`an error occurred forwarding ${pair.local} -> ${pair.remote}: ${problem}\n`);
    } catch (e) {
      if (!this.#ctx.signal.aborted)
        this.#ctx.err(`an error occurred forwarding ${pair.local} -> ${pair.remote}: ${(e as Error).message}\n`);
    } finally {
      socket.destroy();
    }
  }

  close(): void {
    for (const s of this.#sessions) s.destroy();
  }
}
