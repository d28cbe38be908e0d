import { type Lease, Leases, type Node, Nodes } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { isAlreadyExists, isConflict, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { readinessOf } from '#api/meta/readiness.ts';
import { apiMicroTime } from '#api/meta/time.ts';
import type { Clock } from '#async/clock.ts';
import type { Client } from '#client/types.ts';
import type { Logger } from '#process/logger.ts';
import type { DeviceAmounts } from '../devices/device-manager.ts';
import type { ImageInfo } from '../runtime/types.ts';
import { type NodeNews, schedulingNews, statusNews } from './node-events.ts';
import { hasNewResource, type NodeFacts, nodeLabels, nodeStatus, type Readiness } from './node-object.ts';

export interface RegistrationDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly facts: NodeFacts;
  readonly readiness: () => Readiness;
  readonly devices: () => DeviceAmounts;
  /** What the runtime has; rejects while it does not answer. */
  readonly images: () => Promise<readonly ImageInfo[]>;
  /** How long the lease holds without being renewed, seconds; it is renewed every quarter of that. */
  readonly leaseSeconds: number;
  /** Tells what became of the node. */
  readonly tell: (news: NodeNews) => void;
}

const LEASE_NAMESPACE = 'kube-node-lease';
const RETRY_MS = 500;
/** Others may write to the Node in the same moment, but not all the time. */
const STATUS_TRIES = 5;
/** An unchanged status is still written this often, milliseconds. */
const REPORT_MS = 300_000;
const TIMEOUT_MS = 8_000;
/** After a failure the question is only whether the server is there again, so the tries follow each other quickly. */
const PROBE_TIMEOUT_MS = 1500;
/** A heartbeat this many periods after the last one is late: others may have called the node silent meanwhile. */
const LATE_PERIODS = 2;
/** A runtime that is away for longer than a restart of it takes makes the node not ready, milliseconds. */
const RUNTIME_AWAY_MS = 30_000;

/**
 * The Node object of this machine and its heartbeat ("Nodes", heartbeats): a lease every quarter of its duration, the
 * status on change, after every silence, and when somebody else took the node for silent.
 */
export class NodeRegistration {
  readonly #d: RegistrationDeps;
  #lastStatus: unknown;
  #reportedAt = 0;
  #lease: Stored<Lease> | undefined;
  #beatAt = 0;
  /** The last heartbeat failed. */
  #failing = false;
  /** The API may hold another status than the one written last. */
  #doubtful = false;
  #images: readonly ImageInfo[] = [];
  /** As it was seen last. */
  #unschedulable = false;
  /** Since when the runtime does not answer, when it does not. */
  #awaySince: number | undefined;
  #hurry = new AbortController();
  #reporting: Promise<void> = Promise.resolve();

  constructor(deps: RegistrationDeps) {
    this.#d = deps;
  }

  /** Creates the Node or takes over the one there is, labels included. Retries until the server answers. */
  async register(signal: AbortSignal): Promise<Stored<Node>> {
    const { client, clock, logger, facts } = this.#d;
    for (;;) {
      try {
        return await this.#ensure(client, facts);
      } catch (err) {
        if (signal.aborted) throw err;
        logger.warn({ err: (err as Error).message }, 'the node cannot be registered yet, will retry');
        await clock.sleep(RETRY_MS, signal);
      }
    }
  }

  async #ensure(client: Client, facts: NodeFacts): Promise<Stored<Node>> {
    const labels = nodeLabels(facts);
    try {
      const node = { metadata: { name: facts.name, labels }, spec: {} } as Node;
      return await client.create(Nodes, node, { timeoutMs: TIMEOUT_MS });
    } catch (e) {
      if (!isAlreadyExists(e)) throw e;
    }
    return client.patch(
      Nodes,
      { name: facts.name },
      { type: 'merge', body: { metadata: { labels } } },
      { timeoutMs: TIMEOUT_MS },
    );
  }

  get #renewMs(): number {
    return (this.#d.leaseSeconds * 1000) / 4;
  }

  get #call(): { timeoutMs: number } {
    return { timeoutMs: this.#failing ? PROBE_TIMEOUT_MS : TIMEOUT_MS };
  }

  /** Takes notice of the Node as the API shows it: what is wrong there is put right at once. */
  seen(node: Node): void {
    if (node.metadata?.name !== this.#d.facts.name) return;
    const { unschedulable = false } = node.spec ?? {};
    if (unschedulable !== this.#unschedulable) this.#d.tell(schedulingNews(this.#d.facts.name, unschedulable));
    this.#unschedulable = unschedulable;
    if (readinessOf(node) !== 'Unknown' && !hasNewResource(node, this.#d.devices())) return;
    this.#doubtful = true;
    this.#hurry.abort();
  }

  /** Keeps lease and status up until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#d;
    signal.addEventListener('abort', () => this.#hurry.abort(), { once: true });
    while (!signal.aborted) {
      this.#hurry = new AbortController();
      const late = clock.now() - this.#beatAt > LATE_PERIODS * this.#renewMs;
      if (late) this.#doubtful = true;
      try {
        await this.#renew();
        await this.report();
        this.#failing = false;
        this.#beatAt = clock.now();
      } catch (err) {
        if (!signal.aborted && !this.#failing)
          logger.warn({ err: (err as Error).message }, 'heartbeat failed, will retry');
        this.#failing = true;
        this.#doubtful = true;
        this.#lease = undefined;
      }
      // A failing heartbeat keeps its pace also when it is called for.
      if (this.#failing) await clock.sleep(RETRY_MS, signal).catch(() => {});
      else await clock.sleep(this.#renewMs, this.#hurry.signal).catch(() => {});
    }
  }

  async #renew(): Promise<void> {
    const { client, clock, facts, leaseSeconds } = this.#d;
    const renewTime = apiMicroTime(clock.now());
    const call = this.#call;
    if (this.#lease) {
      const spec = { ...this.#lease.spec, renewTime };
      this.#lease = await client.update(Leases, { ...this.#lease, spec }, call);
      return;
    }
    const spec = { holderIdentity: facts.name, leaseDurationSeconds: leaseSeconds, renewTime };
    try {
      const found = await client.get(Leases, facts.name, LEASE_NAMESPACE, call);
      this.#lease = await client.update(Leases, { ...found, spec: { ...found.spec, ...spec } }, call);
    } catch (e) {
      if (!isNotFound(e)) throw e;
      this.#lease = await client.create(
        Leases,
        { metadata: { name: facts.name, namespace: LEASE_NAMESPACE }, spec },
        call,
      );
    }
  }

  /**
   * Writes the status when it changed, when the API may hold another one, and every five minutes. Reports follow each other:
   * an older one must not overtake.
   */
  report(): Promise<void> {
    const next = this.#reporting.then(() => this.#report());
    this.#reporting = next.catch(() => {});
    return next;
  }

  async #report(): Promise<void> {
    const { clock, facts, devices } = this.#d;
    const images = await this.#listImages();
    const now = clock.now();
    const parts = { facts, readiness: this.#readiness(now), images, devices: devices() };
    if (!this.#doubtful && sameJson(parts, this.#lastStatus) && now - this.#reportedAt < REPORT_MS) return;
    this.#doubtful = false;
    try {
      await this.#write((old) => nodeStatus(old, facts, { ...parts, now }));
    } catch (e) {
      this.#doubtful = true;
      throw e;
    }
    this.#lastStatus = parts;
    this.#reportedAt = now;
  }

  /** What others say of the node is in the same lists: it is written upon what was read, else read again. */
  async #write(make: (old: NonNullable<Node['status']>) => NonNullable<Node['status']>): Promise<void> {
    const { client, facts, tell } = this.#d;
    for (let tries = 1; ; tries++) {
      const { status = {}, metadata } = await client.get(Nodes, facts.name, undefined, this.#call);
      const made = make(status);
      const body = { metadata: { resourceVersion: metadata.resourceVersion }, status: made };
      try {
        await client.patch(Nodes, { name: facts.name, subresource: 'status' }, { type: 'merge', body }, this.#call);
        for (const news of statusNews(facts.name, status, made)) tell(news);
        return;
      } catch (e) {
        if (!isConflict(e) || tries === STATUS_TRIES) throw e;
      }
    }
  }

  /** Those that were there last, while the runtime does not answer: the node lives all the same. */
  async #listImages(): Promise<readonly ImageInfo[]> {
    const { clock, logger, images } = this.#d;
    try {
      this.#images = await images();
      this.#awaySince = undefined;
    } catch (err) {
      if (this.#awaySince === undefined) logger.warn({ err }, 'the container runtime does not answer');
      this.#awaySince ??= clock.now();
    }
    return this.#images;
  }

  #readiness(now: number): Readiness {
    const readiness = this.#d.readiness();
    const away = this.#awaySince !== undefined && now - this.#awaySince >= RUNTIME_AWAY_MS;
    return away ? { ...readiness, ready: false, message: 'container runtime is down' } : readiness;
  }
}
