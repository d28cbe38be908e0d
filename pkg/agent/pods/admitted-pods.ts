import type { Node, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { requiresNode } from '#api/scheduling/node-selector.ts';
import { amountsOf, podRequests } from '#api/scheduling/pod-requests.ts';
import { untolerated } from '#api/scheduling/taints.ts';
import { isCritical } from '../eviction/rank.ts';
import { portsOf } from './container-config.ts';
import type { Failure } from './deadline.ts';
import { CONFIG_SOURCE } from './mirror-pods.ts';

/** Ports of the node, as `hostPort/protocol`, with the addresses they are for; "" is all of them. */
const portKeys = (pod: Pod) =>
  portsOf(pod).map(({ hostPort, protocol, hostIp }) => ({
    key: `${hostPort}/${protocol}`,
    ip: hostIp === '0.0.0.0' ? '' : hostIp,
  }));

function portsCollide(pod: Pod, others: readonly Pod[]): boolean {
  const mine = portKeys(pod);
  const taken = mine.length > 0 ? others.flatMap(portKeys) : [];
  return mine.some((m) => taken.some((t) => t.key === m.key && (t.ip === m.ip || t.ip === '' || m.ip === '')));
}

const refused = (reason: string, words: string): Failure => ({ reason, message: `Pod was rejected: ${words}` });

/** Whether a taint ends pods that do not tolerate it ("Taints and Tolerations"); static pods run whatever the taints are. */
function driven({ metadata, spec }: Pod, node: Node): boolean {
  if (metadata?.annotations?.[CONFIG_SOURCE] === 'file') return false;
  const taints = node.spec?.taints?.filter((t) => t.effect === 'NoExecute');
  return untolerated(taints, spec?.tolerations) !== undefined;
}

const lacking = (name: string, n: { requested: number; used: number; capacity: number }): Failure =>
  refused(
    `OutOf${name}`,
    `Node didn't have enough resource: ${name}, requested: ${n.requested}, used: ${n.used}, capacity: ${n.capacity}`,
  );

/**
 * Why a pod does not fit on its node beside the others there, whoever put it there; what the node does not know of is not
 * counted. Pure.
 */
export function misfit(
  pod: Pod,
  node: Node,
  o: { readonly others: readonly Pod[]; readonly uncounted: (resource: string) => boolean },
): Failure | undefined {
  const allocatable = amountsOf(node.status?.allocatable);
  const places = allocatable.get('pods') ?? Number.POSITIVE_INFINITY;
  const { length } = o.others;
  if (!isCritical(pod)) {
    if (length + 1 > places) return lacking('pods', { requested: 1, used: length, capacity: places });
    for (const [name, requested] of podRequests(pod).amounts) {
      const capacity = allocatable.get(name);
      if (requested === 0 || capacity === undefined || o.uncounted(name)) continue;
      const used = o.others.reduce((sum, p) => sum + (podRequests(p).amounts.get(name) ?? 0), 0);
      if (used + requested > capacity) return lacking(name, { requested, used, capacity });
    }
  }
  if (!requiresNode(pod.spec, node)) {
    return refused('NodeAffinity', "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector");
  }
  if (portsCollide(pod, o.others)) {
    const words = "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports";
    return refused('NodePorts', words);
  }
  if (driven(pod, node)) {
    const words = "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate";
    return refused('TaintToleration', words);
  }
  return undefined;
}

export interface AdmittedPodsDeps {
  /** As far as it is known here. */
  readonly node: () => Node | undefined;
  /** As the API has it now. */
  readonly freshNode: () => Promise<Node>;
  /** Pods that have not ended. */
  readonly running: () => readonly Stored<Pod>[];
  /** Resources that are given out one by one, by somebody who knows better. */
  readonly uncounted: (resource: string) => boolean;
}

/** The pods this node has let in, one after the other: two that do not fit together do not keep each other out. */
export class AdmittedPods {
  readonly #d: AdmittedPodsDeps;
  readonly #uids = new Set<string>();

  constructor(deps: AdmittedPodsDeps) {
    this.#d = deps;
  }

  /** An agent before this one let it in. */
  note(uid: string): void {
    this.#uids.add(uid);
  }

  /**
   * Lets a pod in, or says why not. Who is turned away is so for good, and the scheduler may have gone by labels that are
   * not known here yet: then the API is asked. @throws Error when it does not answer
   */
  async admit(pod: Stored<Pod>): Promise<Failure | undefined> {
    return this.#consider(pod, this.#d.node()) && this.#consider(pod, await this.#d.freshNode());
  }

  #consider(pod: Stored<Pod>, node: Node | undefined): Failure | undefined {
    const { uid } = pod.metadata;
    if (this.#uids.has(uid)) return undefined;
    const others = this.#d.running().filter((p) => p.metadata.uid !== uid && this.#uids.has(p.metadata.uid));
    this.#uids.clear();
    for (const p of others) this.#uids.add(p.metadata.uid);
    const why = node && misfit(pod, node, { others, uncounted: this.#d.uncounted });
    if (!why) this.#uids.add(uid);
    return why;
  }
}
