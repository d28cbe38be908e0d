import {
  CSIDrivers,
  type Node,
  PersistentVolumeClaims,
  PersistentVolumes,
  type Pod,
  Pods,
  type TokenRequest,
} from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { errors } from '#api/meta/errors.ts';
import { nodeOf } from '../authz/node.ts';
import { referencesOf } from '../authz/node-pods.ts';
import type { Lookup } from './lookup.ts';
import type { AdmissionPlugin, Attributes } from './types.ts';

const MIRROR = 'kubernetes.io/config.mirror';
const OWN_LABELS = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/arch',
  'kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
]);

/** Labels by which administrators steer pods: no node may give them to itself. */
function isReserved(label: string): boolean {
  if (OWN_LABELS.has(label)) return false;
  const domain = label.slice(0, Math.max(0, label.indexOf('/')));
  const below = (parent: string): boolean => domain === parent || domain.endsWith(`.${parent}`);
  if (below('node-restriction.kubernetes.io')) return true;
  if (below('kubelet.kubernetes.io') || below('node.kubernetes.io')) return false;
  return below('kubernetes.io') || below('k8s.io');
}

const changedLabels = (now: Readonly<Record<string, string>>, before: Readonly<Record<string, string>>): string[] =>
  [...new Set([...Object.keys(now), ...Object.keys(before)])]
    .filter((k) => now[k] !== before[k] && isReserved(k))
    .sort();

/** A mirror pod belongs to its node, and to nobody else whose pods it could be taken for. */
function ownerRefusal(pod: Pod, node: string): string | undefined {
  const [owner, ...others] = pod.metadata?.ownerReferences ?? [];
  const can = `node "${node}" can only create pods with`;
  if (others.length > 0) return `${can} a single owner reference set to itself`;
  if (owner?.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node) {
    return `${can} an owner reference set to itself`;
  }
  if (!owner.controller) return `${can} a controller owner reference set to itself`;
  return owner.blockOwnerDeletion ? `node "${node}" must not set blockOwnerDeletion on an owner reference` : undefined;
}

/** Whether a pod has a token for an audience mounted; "" is that of the API server. */
const mounts = (pod: Pod, audience: string): boolean =>
  (pod.spec?.volumes ?? []).some((v) =>
    v.projected?.sources?.some((s) => s.serviceAccountToken && (s.serviceAccountToken.audience ?? '') === audience),
  );

/** Why the change of a pod is refused; undefined: it is fine. */
function podRefusal(a: Attributes, node: string): string | undefined {
  const old = a.oldObject as Pod | undefined;
  const own = old?.spec?.nodeName === node;
  if (a.operation === 'DELETE') {
    return own ? undefined : `node "${node}" can only delete pods with spec.nodeName set to itself`;
  }
  if (a.subresource !== '' && a.subresource !== 'status') {
    return `unexpected pod subresource "${a.subresource}", only 'status' and 'eviction' are allowed`;
  }
  if (a.operation === 'UPDATE') {
    if (a.subresource !== 'status') return `unexpected operation UPDATE, node "${node}" can only update pod status`;
    if (!own) return `node "${node}" can only update pod status for pods with spec.nodeName set to itself`;
    const same = sameJson(a.object?.metadata?.labels ?? {}, old?.metadata?.labels ?? {});
    return same ? undefined : `node "${node}" cannot update labels through pod status`;
  }
  const pod = a.object as Pod;
  if (!pod.metadata?.annotations?.[MIRROR]) {
    return `pod does not have "${MIRROR}" annotation, node "${node}" can only create mirror pods`;
  }
  if (pod.spec?.nodeName !== node) return `node "${node}" can only create pods with spec.nodeName set to itself`;
  const foreign = ownerRefusal(pod, node);
  if (foreign) return foreign;
  const refs = referencesOf(pod);
  for (const [what, names] of Object.entries(refs) as [string, ReadonlySet<string>][]) {
    if (names.size > 0) return `node "${node}" can not create pods that reference ${what}`;
  }
  return undefined;
}

function nodeRefusal(a: Attributes, node: string): string | undefined {
  const name = a.name || a.object?.metadata?.name || '';
  if (name !== node) {
    return `node "${node}" is not allowed to ${a.operation === 'DELETE' ? 'delete' : 'modify'} node "${name}"`;
  }
  if (a.operation === 'DELETE') return undefined;
  const now = a.object as Node;
  const old = a.oldObject as Node | undefined;
  const labels = changedLabels(now.metadata?.labels ?? {}, old?.metadata?.labels ?? {});
  if (labels.length > 0) {
    const verb = old ? 'modify labels' : 'set the following labels';
    return `is not allowed to ${verb}: ${labels.join(', ')}`;
  }
  if (!old) return undefined;
  if (!sameJson(now.spec?.taints ?? [], old.spec?.taints ?? []))
    return `node "${node}" is not allowed to modify taints`;
  if (!sameJson(now.metadata?.ownerReferences ?? [], old.metadata?.ownerReferences ?? [])) {
    return `node "${node}" is not allowed to modify metadata.ownerReferences`;
  }
  return undefined;
}

/** Lets an agent write only what concerns its own node ("Admission Controllers", NodeRestriction). */
export function nodeRestriction(lookup: Lookup): AdmissionPlugin {
  const tokenRefusal = async (a: Attributes, node: string): Promise<string | undefined> => {
    const ref = (a.object as TokenRequest).spec?.boundObjectRef;
    if (ref?.kind !== 'Pod' || !ref.name) return 'node requested token not bound to a pod';
    if (!ref.uid) return 'node requested token with a pod binding without a uid';
    const pod = await lookup.find(Pods, a.namespace, ref.name);
    if (!pod || pod.metadata.uid !== ref.uid) return `node requested token for a pod that is not there: ${ref.name}`;
    if (pod.spec?.nodeName !== node) return 'node requested token bound to a pod scheduled on a different node';
    const [audience = '', ...more] = (a.object as TokenRequest).spec?.audiences ?? [];
    if (more.length > 0) return 'node may only request 0 or 1 audiences';
    if (mounts(pod, audience) || (await wantedByDriver(pod, a.namespace, audience))) return undefined;
    return `audience "${audience}" not found in pod spec volume`;
  };

  /** Whether the CSI driver of one of the pod's volumes asks for tokens for the audience. */
  const wantedByDriver = async (pod: Pod, namespace: string, audience: string): Promise<boolean> => {
    for (const v of pod.spec?.volumes ?? []) {
      const claimName = v.persistentVolumeClaim?.claimName ?? (v.ephemeral && `${pod.metadata?.name}-${v.name}`);
      const claim = claimName && (await lookup.find(PersistentVolumeClaims, namespace, claimName));
      const volume = claim && (await lookup.find(PersistentVolumes, '', claim.spec?.volumeName ?? ''));
      const name = v.csi?.driver ?? (volume ? volume.spec?.csi?.driver : undefined);
      const driver = name && (await lookup.find(CSIDrivers, '', name));
      if (driver && (driver.spec?.tokenRequests ?? []).some((t) => (t.audience ?? '') === audience)) return true;
    }
    return false;
  };

  const evictionRefusal = async (a: Attributes, node: string): Promise<string | undefined> => {
    const pod = await lookup.find(Pods, a.namespace, a.name);
    return !pod || pod.spec?.nodeName === node
      ? undefined
      : `node "${node}" can only evict pods with spec.nodeName set to itself`;
  };

  const refusal = (a: Attributes, node: string): string | undefined | Promise<string | undefined> => {
    const { group, plural } = a.resource.kind;
    switch (`${group}/${plural}`) {
      case '/pods':
        return a.subresource === 'eviction' ? evictionRefusal(a, node) : podRefusal(a, node);
      case '/nodes':
        return nodeRefusal(a, node);
      case '/serviceaccounts':
        return a.subresource === 'token' ? tokenRefusal(a, node) : undefined;
      case 'coordination.k8s.io/leases': {
        const own = a.namespace === 'kube-node-lease' && (a.name || a.object?.metadata?.name) === node;
        return own ? undefined : `can only access node lease with the same name as the requesting node`;
      }
      case 'storage.k8s.io/csinodes':
        return (a.name || a.object?.metadata?.name) === node
          ? undefined
          : 'can only access CSINode with the same name as the requesting node';
      default:
        return undefined;
    }
  };

  return {
    name: 'NodeRestriction',
    async validate(a) {
      const node = nodeOf(a.user);
      if (node === undefined) return;
      const why = await refusal(a, node);
      if (why) throw errors.forbidden(a.resource.ref, a.name, why);
    },
  };
}
