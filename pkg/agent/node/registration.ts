import { type Lease, Leases, type Node, Nodes } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { isAlreadyExists, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import type { Client } from '#client/types.ts';
import type { Logger } from '#process/logger.ts';
import type { ImageInfo } from '../runtime/types.ts';
import { type NodeFacts, nodeLabels, nodeStatus, type Readiness } from './node-object.ts';

export interface RegistrationDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly facts: NodeFacts;
  readonly readiness: () => Readiness;
  readonly images: () => Promise<readonly ImageInfo[]>;
}

const LEASE_NAMESPACE = 'kube-node-lease';
const LEASE_SECONDS = 40;
const RENEW_MS = 10_000;
const RETRY_MS = 1000;
/** An unchanged status is still written this often, milliseconds. */
const REPORT_MS = 300_000;
const TIMEOUT_MS = 8_000;

const microTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, -1)}000Z`;

/** The Node object of this machine and its heartbeat ("Nodes", heartbeats): a lease every 10 s, the status on change. */
export class NodeRegistration {
  readonly #d: RegistrationDeps;
  #lastStatus: unknown;
  #reportedAt = 0;
  #lease: Stored<Lease> | undefined;

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

  /** Keeps lease and status up until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#d;
    while (!signal.aborted) {
      let wait = RENEW_MS;
      try {
        await this.#renew();
        await this.report();
      } catch (err) {
        wait = RETRY_MS;
        this.#lease = undefined;
        if (!signal.aborted) logger.warn({ err: (err as Error).message }, 'heartbeat failed, will retry');
      }
      await clock.sleep(wait, signal).catch(() => {});
    }
  }

  async #renew(): Promise<void> {
    const { client, clock, facts } = this.#d;
    const renewTime = microTime(clock.now());
    const call = { timeoutMs: TIMEOUT_MS };
    if (this.#lease) {
      const spec = { ...this.#lease.spec, renewTime };
      this.#lease = await client.update(Leases, { ...this.#lease, spec }, call);
      return;
    }
    const spec = { holderIdentity: facts.name, leaseDurationSeconds: LEASE_SECONDS, renewTime };
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

  /** Writes the status when it changed, and every five minutes. */
  async report(): Promise<void> {
    const { client, clock, facts, readiness, images } = this.#d;
    const now = clock.now();
    const parts = { facts, readiness: readiness(), images: await images() };
    if (sameJson(parts, this.#lastStatus) && now - this.#reportedAt < REPORT_MS) return;
    const node = await client.get(Nodes, facts.name, undefined, { timeoutMs: TIMEOUT_MS });
    const status = nodeStatus(node.status ?? {}, facts, { readiness: parts.readiness, images: parts.images, now });
    await client.patch(
      Nodes,
      { name: facts.name, subresource: 'status' },
      { type: 'merge', body: { status } },
      { timeoutMs: TIMEOUT_MS },
    );
    this.#lastStatus = parts;
    this.#reportedAt = now;
  }
}
