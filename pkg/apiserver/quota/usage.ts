import { type Kind, qualifiedName } from '#api/kind.ts';
import { isFinal } from '#api/kinds/core/pod/phase.ts';
import { isSidecar } from '#api/kinds/core/pod/sidecars.ts';
import type { PersistentVolumeClaim, Pod, ResourceQuota, Service } from '#api/kinds/index.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { addQuantities, compareQuantities, subtractQuantities } from '#api/meta/quantity.ts';

/** Amounts by resource name, as in ResourceQuota's `hard`. */
export type Amounts = Readonly<Record<string, string>>;

type PodSpec = NonNullable<Pod['spec']>;
type Container = PodSpec['containers'][number];

const COMPUTE = ['cpu', 'memory', 'ephemeral-storage'];
/** Kinds of the core group that are counted under their plain plural, too. */
const PLAIN = new Set([
  'configmaps',
  'persistentvolumeclaims',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'services',
]);

export function sumOf(a: Amounts, b: Amounts): Amounts {
  const sum: Record<string, string> = { ...a };
  for (const [k, v] of Object.entries(b)) sum[k] = sum[k] === undefined ? v : addQuantities(sum[k], v);
  return sum;
}

/** a - b, without what is zero. */
export function differenceOf(a: Amounts, b: Amounts): Amounts {
  const out: Record<string, string> = {};
  for (const k of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const left = subtractQuantities(a[k] ?? '0', b[k] ?? '0');
    if (compareQuantities(left, '0') !== 0) out[k] = left;
  }
  return out;
}

export const onlyOf = (amounts: Amounts, names: Amounts): Amounts =>
  Object.fromEntries(Object.entries(amounts).filter(([k]) => names[k] !== undefined));

function greaterOf(a: Amounts, b: Amounts): Amounts {
  const out: Record<string, string> = { ...a };
  for (const [k, v] of Object.entries(b)) if (out[k] === undefined || compareQuantities(v, out[k]) > 0) out[k] = v;
  return out;
}

/** Containers run together, init containers one after the other beside the sidecars started before them. */
function podTotal(spec: PodSpec, of: (c: Container) => Amounts | undefined): Amounts {
  let sidecars: Amounts = {};
  let peak: Amounts = {};
  for (const c of (spec.initContainers ?? []) as Container[]) {
    const own = of(c) ?? {};
    if (isSidecar(c)) sidecars = sumOf(sidecars, own);
    peak = greaterOf(peak, isSidecar(c) ? sidecars : sumOf(sidecars, own));
  }
  const together = (spec.containers ?? []).reduce((sum, c) => sumOf(sum, of(c) ?? {}), sidecars);
  return sumOf(greaterOf(together, peak), spec.overhead ?? {});
}

const isOver = (pod: Pod): boolean => isFinal(pod.status?.phase);

function podUsage(pod: Pod): Amounts {
  if (!pod.spec || isOver(pod)) return {};
  const used: Record<string, string> = { pods: '1' };
  for (const [name, amount] of Object.entries(podTotal(pod.spec, (c) => c.resources?.requests))) {
    used[`requests.${name}`] = amount;
    if (COMPUTE.includes(name)) used[name] = amount;
  }
  for (const [name, amount] of Object.entries(podTotal(pod.spec, (c) => c.resources?.limits))) {
    used[`limits.${name}`] = amount;
  }
  return used;
}

function claimUsage({ spec, metadata }: PersistentVolumeClaim): Amounts {
  const storage = spec?.resources?.requests?.storage;
  const used: Record<string, string> = storage === undefined ? {} : { 'requests.storage': storage };
  const name = spec?.storageClassName ?? metadata?.annotations?.['volume.beta.kubernetes.io/storage-class'];
  if (!name) return used;
  used[`${name}.storageclass.storage.k8s.io/persistentvolumeclaims`] = '1';
  if (storage !== undefined) used[`${name}.storageclass.storage.k8s.io/requests.storage`] = storage;
  return used;
}

function serviceUsage({ spec }: Service): Amounts {
  const ports = String((spec?.ports ?? []).length);
  if (spec?.type === 'NodePort') return { 'services.nodeports': ports };
  if (spec?.type !== 'LoadBalancer') return {};
  const nodePorts = spec.allocateLoadBalancerNodePorts === false ? '0' : ports;
  return { 'services.loadbalancers': '1', 'services.nodeports': nodePorts };
}

/** What one object uses of a quota ("Resource Quotas"). */
export function usageOf(kind: Kind, o: KubeObject): Amounts {
  const used: Record<string, string> = { [`count/${qualifiedName(kind)}`]: '1' };
  if (kind.group !== '') return used;
  if (PLAIN.has(kind.plural)) used[kind.plural] = '1';
  switch (kind.plural) {
    case 'pods':
      return { ...used, ...podUsage(o as Pod) };
    case 'persistentvolumeclaims':
      return { ...used, ...claimUsage(o as PersistentVolumeClaim) };
    case 'services':
      return { ...used, ...serviceUsage(o as Service) };
    default:
      return used;
  }
}

const isBestEffort = ({ spec }: Pod): boolean =>
  [...(spec?.containers ?? []), ...((spec?.initContainers ?? []) as Container[])].every(
    (c) => Object.keys(c.resources?.requests ?? {}).length + Object.keys(c.resources?.limits ?? {}).length === 0,
  );

const spansNamespaces = ({ spec }: Pod): boolean => {
  const { podAffinity, podAntiAffinity } = spec?.affinity ?? {};
  const terms = [podAffinity, podAntiAffinity].flatMap((a) => [
    ...(a?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(a?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((p) => p.podAffinityTerm),
  ]);
  return terms.some((t) => t && ((t.namespaces ?? []).length > 0 || t.namespaceSelector !== undefined));
};

interface Scope {
  readonly scopeName: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

function inScope(pod: Pod, { scopeName, operator, values = [] }: Scope): boolean {
  switch (scopeName) {
    case 'Terminating':
      return pod.spec?.activeDeadlineSeconds !== undefined;
    case 'NotTerminating':
      return pod.spec?.activeDeadlineSeconds === undefined;
    case 'BestEffort':
      return isBestEffort(pod);
    case 'NotBestEffort':
      return !isBestEffort(pod);
    case 'CrossNamespacePodAffinity':
      return spansNamespaces(pod);
    case 'PriorityClass': {
      const name = pod.spec?.priorityClassName ?? '';
      if (operator === 'Exists') return name !== '';
      if (operator === 'DoesNotExist') return name === '';
      return (operator === 'In') === values.includes(name);
    }
    default:
      return false;
  }
}

/** Does the quota speak of this object? One with scopes speaks of the pods in all of them only. */
export function covers(quota: ResourceQuota, kind: Kind, o: KubeObject): boolean {
  const scopes: Scope[] = [
    ...(quota.spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' })),
    ...(quota.spec?.scopeSelector?.matchExpressions ?? []),
  ];
  if (scopes.length === 0) return true;
  return kind.group === '' && kind.plural === 'pods' && scopes.every((s) => inScope(o as Pod, s));
}

/** Compute resources that a quota bounds must be named by every container. @returns "limits.cpu for: c; …", "" if all are */
export function unnamed(quota: ResourceQuota, kind: Kind, o: KubeObject): string {
  const { spec } = o as Pod;
  if (kind.group !== '' || kind.plural !== 'pods' || !spec) return '';
  const wanted = Object.keys(quota.spec?.hard ?? {}).flatMap((name) => {
    const plain = COMPUTE.includes(name) ? `requests.${name}` : name;
    const [which, resource] = [plain.slice(0, plain.indexOf('.')), plain.slice(plain.indexOf('.') + 1)];
    const known = (which === 'requests' || which === 'limits') && COMPUTE.includes(resource);
    return known ? [{ name, which: which as 'requests' | 'limits', resource }] : [];
  });
  const containers = [...spec.containers, ...((spec.initContainers ?? []) as Container[])];
  return wanted
    .flatMap(({ name, which, resource }) => {
      const names = containers.filter((c) => c.resources?.[which]?.[resource] === undefined).map((c) => c.name);
      return names.length > 0 ? [`${name} for: ${names.sort().join(',')}`] : [];
    })
    .sort()
    .join('; ');
}
