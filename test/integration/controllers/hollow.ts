import { type Lease, Leases, type Node, Nodes, type Pod, Pods } from '#api/kinds/index.ts';
import { isConflict, isNotFound, StatusError } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { readinessOf } from '#api/meta/readiness.ts';
import { apiMicroTime, apiTime } from '#api/meta/time.ts';
import { requiresNode } from '#api/scheduling/node-selector.ts';
import { systemClock } from '#async/clock.ts';
import { createInformerFactory } from '#client/informer-factory.ts';
import type { Client } from '#client/types.ts';
import { silentLogger } from '#process/logger.ts';

const LEASES = 'kube-node-lease';
const RENEW_MS = 1000;
/** A server that could not take a report is told again after this. */
const AGAIN_MS = 1000;

export interface Policy {
  /** Whether a bound pod becomes ready; default: yes. Asked again after every change of the pod, and by `poke`. */
  ready?: (pod: Stored<Pod>) => boolean;
  /** Whether a pod that is being deleted ends; default: yes. */
  ends?: (pod: Stored<Pod>) => boolean;
  /** With which exit code a ready pod's only container ends; undefined: it runs on. */
  exits?: (pod: Stored<Pod>) => number | undefined;
}

/**
 * Stands in for scheduler and node agents: binds pods in turn, says they run, and ends them when they are deleted. No
 * container is started.
 */
export class HollowNodes {
  policy: Policy = {};
  /** Nodes that say nothing any more. */
  readonly silent = new Set<string>();
  readonly #client: Client;
  readonly #stop = new AbortController();
  readonly #names: string[] = [];
  readonly #labels = new Map<string, Record<string, string>>();
  readonly #leases = new Map<string, Stored<Lease>>();
  readonly #factory;
  #longestSilenceMs = 0;
  #renewedAt = Number.POSITIVE_INFINITY;
  #turn = 0;
  /** By the pod's UID: one that is looked at twice before the first report is seen has the same node and address. */
  readonly #nodeOf = new Map<string, string>();
  readonly #addressOf = new Map<string, string>();

  constructor(client: Client) {
    this.#client = client;
    const { signal } = this.#stop;
    this.#factory = createInformerFactory({ client, clock: systemClock, signal, logger: silentLogger });
    const pods = this.#factory.informer(Pods);
    const see = (p: Stored<Pod>): void => void this.#tell(p);
    pods.addHandlers({ onAdd: see, onUpdate: (_old, p) => see(p) });
    this.#factory.informer(Nodes);
  }

  async start(count: number): Promise<void> {
    for (let i = 1; i <= count; i++) await this.add(`hollow${i}`);
    this.#factory.start();
    await this.#factory.synced(this.#stop.signal);
    void this.#renew();
  }

  stop(): void {
    this.#stop.abort();
  }

  /** The longest that nodes which are not silent went without a renewed lease, up to now: of a busy machine. */
  get longestSilenceMs(): number {
    return Math.max(this.#longestSilenceMs, systemClock.now() - this.#renewedAt);
  }

  async add(name: string, labels: Record<string, string> = {}): Promise<void> {
    const node = { metadata: { name, labels }, spec: {} } as Node;
    await this.#client.create(Nodes, node);
    await this.sayReady(name);
    this.#leases.set(
      name,
      await this.#client.create(Leases, { metadata: { name, namespace: LEASES }, spec: this.#beat(name) }),
    );
    this.#labels.set(name, labels);
    this.#names.push(name);
    // Pods made for this node may have come before it.
    await this.poke();
  }

  /** What an agent reports once it is back. */
  async sayReady(name: string, status: 'True' | 'False' = 'True'): Promise<void> {
    const condition = { type: 'Ready', status, lastTransitionTime: apiTime(Date.now()) };
    const body = { status: { conditions: [condition] } };
    await this.#client.patch(Nodes, { name, subresource: 'status' }, { type: 'strategic', body });
  }

  /** Looks at every pod again: the policy has changed. */
  async poke(): Promise<void> {
    await Promise.all([...this.#factory.informer(Pods).lister.list()].map((p) => this.#tell(p)));
  }

  /** As agents do, again and again while the server does not answer; what it refuses stays refused. */
  async #tell(pod: Stored<Pod>): Promise<void> {
    try {
      await this.#see(pod);
    } catch (e) {
      if (!(e instanceof StatusError) || e.code >= 500 || e.code === 429) void this.#tellAgain(pod);
    }
  }

  async #tellAgain({ metadata: { name, namespace, uid } }: Stored<Pod>): Promise<void> {
    try {
      await systemClock.sleep(AGAIN_MS, this.#stop.signal);
    } catch {
      return;
    }
    const now = this.#factory.informer(Pods).lister.get(name, namespace);
    if (now?.metadata.uid === uid) await this.#tell(now);
  }

  /** A node that went unheard while the machine was busy says that it is well, as agents do. */
  async #revive(name: string): Promise<void> {
    const node = this.#factory.informer(Nodes).lister.get(name);
    if (node && readinessOf(node) === 'Unknown') await this.sayReady(name);
  }

  #beat(name: string) {
    const renewTime = apiMicroTime(Date.now());
    return { holderIdentity: name, leaseDurationSeconds: 40, renewTime };
  }

  async #renew(): Promise<void> {
    const { signal } = this.#stop;
    this.#renewedAt = systemClock.now();
    while (!signal.aborted) {
      await Promise.all(
        this.#names.map(async (name) => {
          if (this.silent.has(name)) return;
          const body = { spec: this.#beat(name) };
          await this.#client.patch(Leases, { name, namespace: LEASES }, { type: 'merge', body }).catch(() => {});
          if (!this.silent.has(name)) await this.#revive(name).catch(() => {});
        }),
      );
      this.#longestSilenceMs = this.longestSilenceMs;
      this.#renewedAt = systemClock.now();
      await systemClock.sleep(RENEW_MS, signal).catch(() => {});
    }
  }

  async #see(pod: Stored<Pod>): Promise<void> {
    const { name, namespace = '', uid } = pod.metadata;
    const node = pod.spec?.nodeName;
    try {
      if (!node) {
        if (pod.metadata.deletionTimestamp) return;
        const fits = (n: string): boolean =>
          requiresNode(pod.spec, { metadata: { name: n, labels: this.#labels.get(n) } });
        const free = this.#names.filter((n) => !this.silent.has(n) && fits(n));
        if (free.length === 0) return;
        const chosen = this.#nodeOf.get(uid);
        const to = chosen && free.includes(chosen) ? chosen : (free[this.#turn++ % free.length] ?? '');
        this.#nodeOf.set(uid, to);
        const target = { apiVersion: 'v1', kind: 'Node', name: to };
        const body = { apiVersion: 'v1', kind: 'Binding', metadata: { name, namespace, uid }, target };
        await this.#client.createSubresource(Pods as never, { name, namespace, subresource: 'binding' }, body);
        return;
      }
      if (this.silent.has(node)) return;
      if (pod.metadata.deletionTimestamp) {
        if (!(this.policy.ends?.(pod) ?? true)) return;
        // Who counts its outcome holds it by a finalizer.
        if (pod.metadata.finalizers?.length && !isOver(pod)) await this.#exit(pod, 143);
        await this.#client.delete(Pods, name, namespace, { gracePeriodSeconds: 0, preconditions: { uid } });
        return;
      }
      if (isOver(pod)) return;
      await this.#report(pod);
    } catch (e) {
      if (!isNotFound(e) && !isConflict(e)) throw e;
    }
  }

  async #report(pod: Stored<Pod>): Promise<void> {
    const { uid } = pod.metadata;
    const ready = this.policy.ready?.(pod) ?? true;
    const now = pod.status?.conditions?.find((c) => c.type === 'Ready')?.status === 'True';
    if (pod.status?.podIP && now === ready) {
      const exitCode = ready ? this.policy.exits?.(pod) : undefined;
      if (exitCode !== undefined) await this.#exit(pod, exitCode);
      return;
    }
    const podIP = pod.status?.podIP ?? this.#address(uid);
    const at = apiTime(Date.now());
    const condition = { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: at };
    const status = { phase: 'Running', podIP, podIPs: [{ ip: podIP }], startTime: at, conditions: [condition] };
    await this.#write(pod, status);
  }

  #address(uid: string): string {
    const number = this.#addressOf.size + 1;
    const address = this.#addressOf.get(uid) ?? `10.244.${number >> 8}.${number & 255}`;
    this.#addressOf.set(uid, address);
    return address;
  }

  async #exit(pod: Stored<Pod>, exitCode: number): Promise<void> {
    const at = apiTime(Date.now());
    const conditions = [{ type: 'Ready', status: 'False', lastTransitionTime: at }];
    const state = { terminated: { exitCode, startedAt: at, finishedAt: at } };
    const containerStatuses = [{ name: 'main', image: '', imageID: '', ready: false, restartCount: 0, state }];
    await this.#write(pod, { phase: exitCode === 0 ? 'Succeeded' : 'Failed', conditions, containerStatuses });
  }

  /**
   * Of a pod that has changed since nothing is written, as it is about to be seen again: a late report must not bring
   * back to life what has ended meanwhile.
   */
  async #write({ metadata }: Stored<Pod>, status: object): Promise<void> {
    const { name, namespace = '', uid, resourceVersion } = metadata;
    const body = { metadata: { uid, resourceVersion }, status };
    await this.#client.patch(Pods, { name, namespace, subresource: 'status' }, { type: 'strategic', body });
  }
}

const isOver = (p: Pod): boolean => p.status?.phase === 'Succeeded' || p.status?.phase === 'Failed';
