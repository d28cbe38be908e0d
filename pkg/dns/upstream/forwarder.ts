import { randomInt } from 'node:crypto';
import type { Clock } from '#async/clock.ts';
import { type Query, questionFor } from '../wire.ts';
import { answerFor, type CachedAnswer, cachedAnswer } from './cached-answer.ts';
import { exchange, type Server } from './exchange.ts';
import type { StubDomains } from './stub-domains.ts';

export interface ForwarderDeps {
  readonly clock: Clock;
  /** Where to ask, in order of preference; read again now and then. */
  readonly servers: () => Promise<readonly Server[]>;
  /** Domains that are asked of servers of their own instead. */
  readonly stubs?: StubDomains;
}

/** One server gets this long, milliseconds; a client gives up after 5 s. */
const TRY_MS = 2000;
const MAX_ENTRIES = 10_000;
/** Questions under way at a time; more are refused rather than kept. */
const MAX_RUNNING = 500;
const SERVERS_KEPT_MS = 10_000;
/** A server that did not answer is asked after the others for this long, milliseconds: clients shall not wait for it again. */
const AVOIDED_MS = 10_000;

const keyOf = ({ host, port }: Server): string => `${host} ${port}`;

export class NoUpstream extends Error {}

/** Passes questions about other zones on to the machine's own resolvers, with a bounded cache before them. */
export class Forwarder {
  readonly #deps: ForwarderDeps;
  /** In order of use: the first is the one to forget. */
  readonly #cache = new Map<string, CachedAnswer>();
  readonly #running = new Map<string, Promise<CachedAnswer>>();
  #servers: Promise<readonly Server[]> = Promise.resolve([]);
  /** When servers last failed to answer. */
  readonly #failed = new Map<string, number>();
  #serversAt = Number.NEGATIVE_INFINITY;

  constructor(deps: ForwarderDeps) {
    this.#deps = deps;
  }

  /** @throws NoUpstream, or Error of the last server asked */
  async answer(q: Query): Promise<Buffer> {
    const { clock } = this.#deps;
    const key = `${q.name} ${q.type} ${q.class} ${q.edns} ${q.dnssecOk} ${q.wishes}`;
    const found = this.#cached(key) ?? (await this.#shared(key, q));
    return answerFor(found, q.id, q.question, clock.now());
  }

  #cached(key: string): CachedAnswer | undefined {
    const found = this.#cache.get(key);
    if (!found) return undefined;
    this.#cache.delete(key);
    if (this.#deps.clock.now() >= found.storedAt + found.lifetime) return undefined;
    this.#cache.set(key, found);
    return found;
  }

  /** Clients that ask the same at the same time share one question. */
  #shared(key: string, q: Query): Promise<CachedAnswer> {
    const running = this.#running.get(key);
    if (running) return running;
    if (this.#running.size >= MAX_RUNNING) return Promise.reject(new NoUpstream('too many questions under way'));
    const asking = this.#ask(q).then((found) => {
      this.#keep(key, found);
      return found;
    });
    this.#running.set(key, asking);
    const over = (): void => void this.#running.delete(key);
    asking.then(over, over);
    return asking;
  }

  #keep(key: string, found: CachedAnswer): void {
    if (found.lifetime <= 0) return;
    if (this.#cache.size >= MAX_ENTRIES) {
      for (const oldest of this.#cache.keys()) {
        this.#cache.delete(oldest);
        break;
      }
    }
    this.#cache.set(key, found);
  }

  async #ask(q: Query): Promise<CachedAnswer> {
    const { clock } = this.#deps;
    const query = questionFor(q, randomInt(0x10000));
    let last: unknown = new NoUpstream('no name servers to ask');
    for (const server of this.#inOrder(this.#deps.stubs?.serversFor(q.name) ?? (await this.#known()))) {
      try {
        const answer = await exchange(query, server, TRY_MS, clock);
        this.#failed.delete(keyOf(server));
        return cachedAnswer(answer, clock.now());
      } catch (e) {
        this.#fail(server);
        last = e;
      }
    }
    throw last;
  }

  /** Those that did not fail lately first, otherwise as configured. */
  #inOrder(servers: readonly Server[]): readonly Server[] {
    if (this.#failed.size === 0) return servers;
    const since = this.#deps.clock.now() - AVOIDED_MS;
    const bad = servers.filter((s) => (this.#failed.get(keyOf(s)) ?? since) > since);
    return [...servers.filter((s) => !bad.includes(s)), ...bad];
  }

  #fail(server: Server): void {
    const now = this.#deps.clock.now();
    for (const [key, at] of this.#failed) if (now >= at + AVOIDED_MS) this.#failed.delete(key);
    this.#failed.set(keyOf(server), now);
  }

  /** Questions that come while they are being read wait for them too. */
  #known(): Promise<readonly Server[]> {
    const now = this.#deps.clock.now();
    if (now >= this.#serversAt + SERVERS_KEPT_MS) {
      this.#serversAt = now;
      this.#servers = this.#deps.servers();
    }
    return this.#servers;
  }
}
