import { isFinal } from '#api/kinds/core/pod/phase.ts';
import { podAddresses } from '#api/kinds/core/pod/pod-addresses.ts';
import { type Namespace, Namespaces, NetworkPolicies, type NetworkPolicy, type Pod, Pods } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import type { Labels } from '#api/meta/labels.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import { createCoalescingRunner } from '#async/coalesce.ts';
import { abortable, timeoutSignal } from '#async/signals.ts';
import type { Informer, InformerFactory } from '#client/types.ts';
import type { Exec } from '#process/exec.ts';
import type { Logger } from '#process/logger.ts';
import { type NftRunner, NftTable } from '#process/nftables.ts';
import type { Addressed } from './peers.ts';
import { renderPolicies } from './render.ts';

export interface EnforcerDeps {
  readonly informers: InformerFactory;
  /** The pods of this node. */
  readonly own: Informer<Pod>;
  readonly exec: Exec;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly nodeName: string;
  /** Takes changes of the rules; default: a process for each. */
  readonly changes?: NftRunner;
}

export const POLICY_TABLE = 'inet coxswain-policy';
const MIN_INTERVAL_MS = 20;
const RETRY_MS = 1000;
/** How often the kernel is asked whether somebody took our rules away, milliseconds. */
const GUARD_MS = 5000;
/** A new pod is not started before its rules are in force; given up after this, milliseconds. */
const ATTACH_TIMEOUT_MS = 20_000;

const isOver = (p: Pod): boolean => isFinal(p.status?.phase);
/** What rules depend on. */
const relevant = (p: Pod): unknown => [p.metadata?.labels, podAddresses(p), p.spec?.nodeName, isOver(p)];

interface Waiter {
  resolve(): void;
}

/**
 * Enforces NetworkPolicies for the pods of this node, by one table of nftables. Pods and namespaces of the whole cluster
 * are watched from the first policy on; a cluster without any pays nothing.
 */
export class PolicyEnforcer {
  readonly #d: EnforcerDeps;
  readonly #policies: Informer<NetworkPolicy>;
  readonly #table: NftTable;
  /** Pods whose addresses this node knows before the API does. */
  readonly #attached = new Map<string, { readonly pod: Stored<Pod>; readonly ips: readonly string[] }>();
  #pods: Informer<Pod> | undefined;
  #namespaces: Informer<Namespace> | undefined;
  #trigger: () => void = () => {};
  #waiting: Waiter[] = [];
  #present = true;

  constructor(deps: EnforcerDeps) {
    this.#d = deps;
    this.#table = new NftTable(deps.exec, POLICY_TABLE, deps.changes);
    this.#policies = deps.informers.informer(NetworkPolicies);
    const trigger = (): void => this.#trigger();
    this.#policies.addHandlers({
      onAdd: trigger,
      onUpdate: (old, p) => {
        if (!sameJson(old.spec, p.spec)) trigger();
      },
      onDelete: trigger,
    });
    deps.own.addHandlers({
      onDelete: (p) => {
        // The deletion may have been heard of before by the other informer, when the pod was still among these.
        if (this.#attached.delete(p.metadata.uid)) this.#trigger();
      },
    });
  }

  /** Keeps the rules as the policies say until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#d;
    await this.#policies.synced(signal);
    const runner = createCoalescingRunner({
      run: () => this.#sync(signal),
      minIntervalMs: MIN_INTERVAL_MS,
      retryMs: RETRY_MS,
      clock,
      signal,
      onError: (err) => {
        if (!signal.aborted) logger.error({ err }, 'network policies could not be enforced, will retry');
      },
    });
    this.#trigger = () => runner.trigger();
    runner.trigger();
    while (!signal.aborted) {
      await clock.sleep(GUARD_MS, signal).catch(() => {});
      try {
        if (signal.aborted || (await this.#table.intact())) continue;
        logger.warn('rules of network policies were removed by somebody else, restoring them');
        runner.trigger();
      } catch (err) {
        logger.warn({ err }, 'could not check the rules of network policies');
      }
    }
  }

  /**
   * Called when the addresses of a pod of this node are known, before its containers start. Resolves when its rules are in
   * force. @throws Error when they are not within 20 s
   */
  async attached(pod: Stored<Pod>, ips: readonly string[]): Promise<void> {
    const limit = timeoutSignal(this.#d.clock, ATTACH_TIMEOUT_MS);
    try {
      await this.#policies.synced(limit.signal);
      const inherited = this.#takeOver(pod.metadata.uid, ips);
      this.#attached.set(pod.metadata.uid, { pod, ips });
      const concerned = [...this.#policies.lister.list(pod.metadata.namespace)].length > 0;
      if (!concerned && !inherited) return;
      const enforced = new Promise<void>((resolve) => this.#waiting.push({ resolve }));
      this.#trigger();
      await abortable(enforced, limit.signal);
    } catch (e) {
      if (limit.signal.aborted) throw new Error('network policies are not enforced yet', { cause: e });
      throw e;
    } finally {
      limit.dispose();
    }
  }

  /**
   * Addresses belong to who got them last: of a pod whose deletion was heard of before it was attached, or of a static one,
   * nobody tells any more. @returns whether somebody had them
   */
  #takeOver(uid: string, ips: readonly string[]): boolean {
    let had = false;
    for (const [other, a] of this.#attached) {
      if (other === uid || !a.ips.some((ip) => ips.includes(ip))) continue;
      this.#attached.delete(other);
      had = true;
    }
    return had;
  }

  async #sync(signal: AbortSignal): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    try {
      const policies = [...this.#policies.lister.list()];
      if (policies.length > 0) await this.#watchPods(signal);
      const content = this.#pods ? renderPolicies({ policies, ...this.#view() }) : undefined;
      if (content) await this.#table.apply(content);
      else if (this.#present) await this.#table.remove();
      this.#present = content !== undefined;
      for (const w of waiting) w.resolve();
    } catch (e) {
      this.#waiting.push(...waiting);
      throw e;
    }
  }

  async #watchPods(signal: AbortSignal): Promise<void> {
    const { informers } = this.#d;
    const trigger = (): void => this.#trigger();
    if (!this.#pods) {
      this.#pods = informers.informer(Pods);
      this.#pods.addHandlers({
        onAdd: trigger,
        onUpdate: (old, p) => {
          if (!sameJson(relevant(old), relevant(p))) trigger();
        },
        onDelete: trigger,
      });
    }
    if (!this.#namespaces) {
      this.#namespaces = informers.informer(Namespaces);
      this.#namespaces.addHandlers({
        onAdd: trigger,
        onUpdate: (old, n) => {
          if (!sameJson(old.metadata.labels, n.metadata.labels)) trigger();
        },
        onDelete: trigger,
      });
      informers.start();
    }
    await Promise.all([this.#pods.synced(signal), this.#namespaces.synced(signal)]);
  }

  /** Pods with addresses of their own as they are now, those of this node apart, and namespaces. */
  #view() {
    const pods = new Map<string, Addressed[]>();
    const local: Addressed[] = [];
    const known = new Set<string>();
    const add = (pod: Stored<Pod>, ips: readonly string[]): void => {
      if (pod.spec?.hostNetwork || isOver(pod)) return;
      const { namespace = '' } = pod.metadata;
      const entries = ips.map((ip) => ({ pod, ip }));
      const list = pods.get(namespace);
      if (list) list.push(...entries);
      else pods.set(namespace, entries);
      if (pod.spec?.nodeName === this.#d.nodeName) local.push(...entries);
    };
    for (const p of this.#pods?.lister.list() ?? []) {
      known.add(p.metadata.uid);
      add(p, this.#attached.get(p.metadata.uid)?.ips ?? podAddresses(p));
    }
    for (const [uid, a] of this.#attached) if (!known.has(uid)) add(a.pod, a.ips);
    const namespaces = new Map<string, Labels>();
    for (const n of this.#namespaces?.lister.list() ?? []) namespaces.set(n.metadata.name, n.metadata.labels ?? {});
    return { network: { pods, namespaces }, local };
  }
}
