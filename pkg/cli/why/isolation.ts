import type { NetworkPolicy, Pod, Service } from '#api/kinds/index.ts';
import { compileLabelSelector } from '#api/meta/labels.ts';
import type { Answer } from './answer.ts';

type Rule = NonNullable<NonNullable<NetworkPolicy['spec']>['ingress']>[number];
/** Where a connection goes: the name of a port of the pod, or its number. */
interface Door {
  readonly port: number | string;
  readonly protocol: string;
}

/** Policies that are about traffic into the pod ("NetworkPolicy": without policyTypes, all are). */
const isolating = (pod: Pod, policies: readonly NetworkPolicy[]): NetworkPolicy[] =>
  policies.filter(
    ({ metadata, spec }) =>
      metadata?.namespace === pod.metadata?.namespace &&
      (spec?.policyTypes ?? ['Ingress']).includes('Ingress') &&
      compileLabelSelector(spec?.podSelector ?? {}).matches(pod.metadata?.labels ?? {}),
  );

const portsOf = (pod: Pod) => (pod.spec?.containers ?? []).flatMap((c) => c.ports ?? []);

/** The number behind the name of a port of the pod. */
function numberOf(pod: Pod, { port, protocol }: Door): number | undefined {
  if (typeof port === 'number') return port;
  return portsOf(pod).find((p) => p.name === port && (p.protocol ?? 'TCP') === protocol)?.containerPort;
}

/** Whether a rule lets anybody in by this door. */
function admits({ ports = [] }: Rule, pod: Pod, door: Door): boolean {
  if (ports.length === 0) return true;
  const wanted = numberOf(pod, door);
  return ports.some(({ port, endPort, protocol = 'TCP' }) => {
    if (protocol !== door.protocol) return false;
    if (port === undefined) return true;
    const first = numberOf(pod, { port, protocol });
    return first !== undefined && wanted !== undefined && wanted >= first && wanted <= (endPort ?? first);
  });
}

/** Policies that together let nobody into the pod by any of these doors; undefined where one lets somebody in. */
function shut(pod: Pod, doors: readonly Door[], policies: readonly NetworkPolicy[]): NetworkPolicy[] | undefined {
  const own = isolating(pod, policies);
  const rules = own.flatMap((p) => p.spec?.ingress ?? []);
  const open = own.length === 0 || doors.length === 0 || doors.some((d) => rules.some((r) => admits(r, pod, d)));
  return open ? undefined : own;
}

function answer(what: string, pod: Pod, doors: readonly Door[], own: readonly NetworkPolicy[]): Answer {
  const names = own.map((p) => p.metadata?.name ?? '');
  const told = doors.map((d) => `${d.port}/${d.protocol}`).join(', ');
  const labels = Object.entries(pod.metadata?.labels ?? {}).map(([k, v]) => `${k}=${v}`);
  const by = own.length === 1 ? 'the NetworkPolicy that selects it has' : 'the NetworkPolicies that select it have';
  return {
    because: `nobody reaches ${what}: ${by} no rule that lets traffic in to ${told}`,
    evidence: [...names.map((n) => `networkpolicy ${n}`), `labels ${labels.join(',') || 'none'}`],
    next: `cox describe networkpolicy ${names.join(' ')}`,
  };
}

/** Why a pod that runs is not reached: policies shut all ports it declares; undefined when they do not. */
export function whyIsolated(pod: Pod, policies: readonly NetworkPolicy[]): Answer | undefined {
  if (pod.spec?.hostNetwork) return undefined;
  const doors = portsOf(pod).map((p) => ({ port: p.containerPort, protocol: p.protocol ?? 'TCP' }));
  const own = shut(pod, doors, policies);
  return own && answer('it', pod, doors, own);
}

/** Why a Service whose pods are ready is not reached: policies shut its target ports of every one of them. */
export function whyServiceIsolated(
  service: Service,
  pods: readonly Pod[],
  policies: readonly NetworkPolicy[],
): Answer | undefined {
  const doors = (service.spec?.ports ?? []).map((p) => ({
    port: p.targetPort ?? p.port,
    protocol: p.protocol ?? 'TCP',
  }));
  const [first, ...others] = pods;
  if (!first || pods.some((p) => p.spec?.hostNetwork)) return undefined;
  const own = shut(first, doors, policies);
  if (!own || !others.every((p) => shut(p, doors, policies))) return undefined;
  return answer(`its pods, such as ${first.metadata?.name}`, first, doors, own);
}
