import { defineKind, topLevel } from '#api/kind.ts';
import type { Pod } from '#api/kinds/index.ts';
import { f, objectsIn, str, type TypeOf } from '#api/schema/schema.ts';

const GROUP = 'k8s.cni.cncf.io';
const PKG = 'io.cncf.cni.k8s.v1';
/** Which further networks a pod wants ("Kubernetes Network Custom Resource Definition De-facto Standard"). */
export const NETWORKS = 'k8s.v1.cni.cncf.io/networks';
/** What became of it, for whoever asks. */
export const NETWORK_STATUS = 'k8s.v1.cni.cncf.io/network-status';

const Spec = objectsIn(PKG)('NetworkAttachmentDefinitionSpec', 'A network.', {
  config: f(1, str, 'A configuration or configuration list of CNI, in JSON.'),
});
const NetworkAttachmentDefinition = topLevel(PKG, 'NetworkAttachmentDefinition', 'A network pods can be attached to.', {
  spec: f(2, Spec, 'The network.'),
});

/** Networks besides that of the cluster: objects of a CustomResourceDefinition, which the cluster may have or not. */
export const NetworkAttachmentDefinitions = defineKind<TypeOf<typeof NetworkAttachmentDefinition>>({
  group: GROUP,
  version: 'v1',
  kind: 'NetworkAttachmentDefinition',
  plural: 'network-attachment-definitions',
  namespaced: true,
  custom: true,
  schema: NetworkAttachmentDefinition,
});

/** A network as a pod asks for it. */
export interface Selection {
  readonly namespace: string;
  readonly name: string;
  /** The interface in the pod. */
  readonly interface: string;
  readonly ips?: readonly string[];
  readonly mac?: string;
}

const SHORT = /^(?:([a-z0-9.-]+)\/)?([a-z0-9.-]+)(?:@([A-Za-z0-9_.-]{1,15}))?$/;

function short(text: string): Partial<Selection> {
  const m = SHORT.exec(text.trim());
  if (!m) throw new Error(`"${text.trim()}" is not of the form [namespace/]name[@interface]`);
  const [, namespace, name = '', device] = m;
  return { name, ...(namespace ? { namespace } : {}), ...(device ? { interface: device } : {}) };
}

function listed(text: string): Partial<Selection>[] {
  const list: unknown = JSON.parse(text);
  const named = (v: unknown): v is Partial<Selection> => typeof (v as { name?: unknown } | null)?.name === 'string';
  if (!Array.isArray(list) || !list.every(named)) throw new Error('every item of the list must have a name');
  return list;
}

/** Networks a pod asks for besides its first; interfaces without a name are net1, net2 and so on. Pure. @throws Error */
export function selectionsOf(pod: Pod): Selection[] {
  const text = pod.metadata?.annotations?.[NETWORKS]?.trim();
  if (!text) return [];
  try {
    const asked = text.startsWith('[') ? listed(text) : text.split(',').map(short);
    const own = pod.metadata?.namespace ?? '';
    return asked.map((s, i) => ({ namespace: own, interface: `net${i + 1}`, ...s, name: s.name ?? '' }));
  } catch (e) {
    throw new Error(`annotation ${NETWORKS}: ${(e as Error).message}`);
  }
}
