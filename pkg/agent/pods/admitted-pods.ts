import type { Node, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { requiresNode } from '#api/scheduling/node-selector.ts';
import { untolerated } from '#api/scheduling/taints.ts';
import { isCritical } from '../eviction/rank.ts';
import { portsOf } from './container-config.ts';
import type { Failure } from './deadline.ts';
import { CONFIG_SOURCE } from './mirror-pods.ts';
import { type Lack, lacks, unmet, victims } from './preemption.ts';

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

const lacking = ({ resource, requested, used, capacity }: Lack): Failure =>
  refused(
    `OutOf${resource}`,
    `Node didn't have enough resource: ${resource}, requested: ${requested}, used: ${used}, capacity: ${capacity}`,
  );

/** Why a pod does not belong on its node, or not beside the others there, whatever there is left. */
function misplaced(pod: Pod, node: Node, others: readonly Pod[]): Failure | undefined {
  if (!requiresNode(pod.spec, node)) {
    return refused('NodeAffinity', "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector");
  }
  if (portsCollide(pod, others)) {
    const words = "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports";
    return refused('NodePorts', words);
  }
  if (driven(pod, node)) {
    const words = "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate";
    return refused('TaintToleration', words);
  }
  return undefined;
}

/** What becomes of a pod: why it is turned away, if it is, or who has to make room. */
export interface Verdict {
  readonly failure?: Failure | undefined;
  readonly victims?: readonly Stored<Pod>[];
}

/**
 * Whether a pod fits on its node beside the others there, whoever put it there; what the node does not know of is not
 * counted. For one that the node needs others make room. Pure.
 */
export function judged(
  pod: Pod,
  node: Node,
  o: { readonly others: readonly Stored<Pod>[]; readonly uncounted: (resource: string) => boolean },
): Verdict {
  const lack = lacks(pod, node, o);
  const [first] = lack;
  if (first && !isCritical(pod)) return { failure: lacking(first) };
  const failure = misplaced(pod, node, o.others);
  if (failure || !first) return { failure };
  const found = victims(pod, lack, o.others);
  return found ? { victims: found } : { failure: unmet(pod, lack, o.others) };
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
  /** Ends a pod to make room; resolves when nothing of it runs any more. */
  readonly preempt: (pod: Stored<Pod>) => Promise<void>;
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
    const { uid } = pod.metadata;
    const known = this.#d.node();
    if (this.#uids.has(uid)) return undefined;
    let verdict = known ? this.#consider(pod, known) : {};
    if (verdict.failure || verdict.victims) verdict = this.#consider(pod, await this.#d.freshNode());
    if (verdict.failure) return verdict.failure;
    // From now on nobody else has what it needs.
    this.#uids.add(uid);
    await Promise.all((verdict.victims ?? []).map((p) => this.#d.preempt(p)));
    return undefined;
  }

  #consider(pod: Stored<Pod>, node: Node): Verdict {
    const { uid } = pod.metadata;
    const others = this.#d.running().filter((p) => p.metadata.uid !== uid && this.#uids.has(p.metadata.uid));
    this.#uids.clear();
    for (const p of others) this.#uids.add(p.metadata.uid);
    return judged(pod, node, { others, uncounted: this.#d.uncounted });
  }
}
