import type { Container } from './container.ts';
import type { Pod } from './pod.ts';
import type { PodSpec } from './spec.ts';
import type { Volume } from './volumes.ts';

/** Tag of an image reference; "latest" when it has neither tag nor digest. */
export function imageTag(image: string): string {
  const [named = '', digest] = image.split('@');
  const tag = /:([^/:]+)$/.exec(named)?.[1];
  return tag ?? (digest === undefined ? 'latest' : '');
}

const pullPolicyOf = (image: string | undefined): 'Always' | 'IfNotPresent' =>
  imageTag(image ?? '') === 'latest' ? 'Always' : 'IfNotPresent';

function defaultVolume(v: Volume): void {
  const hasSource = Object.keys(v).some((k) => k !== 'name' && v[k as keyof Volume] !== undefined);
  if (!hasSource) v.emptyDir = {};
  if (v.image && !v.image.pullPolicy && v.image.reference) v.image.pullPolicy = pullPolicyOf(v.image.reference);
}

/** Every container of a pod, in the order they start; ephemeral ones last. */
export const allContainers = (spec: PodSpec): Container[] => [
  ...(spec.initContainers ?? []),
  ...(spec.containers ?? []),
  ...((spec.ephemeralContainers ?? []) as Container[]),
];

/** Defaults of a pod spec, in a pod as in a template. */
export function defaultPodSpec(spec: PodSpec | undefined): void {
  if (!spec) return;
  spec.securityContext ??= {};
  if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName;
  else if (spec.serviceAccount) spec.serviceAccountName = spec.serviceAccount;
  for (const c of allContainers(spec)) c.imagePullPolicy ??= pullPolicyOf(c.image);
  for (const v of spec.volumes ?? []) defaultVolume(v);
}

/** A limit without a request is also the request. */
function defaultRequests(c: Container): void {
  const limits = c.resources?.limits;
  if (!c.resources || !limits) return;
  const requests = { ...c.resources.requests };
  for (const [name, amount] of Object.entries(limits)) requests[name] ??= amount;
  c.resources.requests = requests;
}

/** On the host's network the container's port is the host's. */
function defaultHostPorts(c: Container): void {
  for (const p of c.ports ?? []) p.hostPort ||= p.containerPort;
}

/** Defaults of a pod beyond those of its spec; templates do not get them. */
export function defaultPod(pod: Pod): void {
  const { spec } = pod;
  if (!spec) return;
  defaultPodSpec(spec);
  spec.enableServiceLinks ??= true;
  for (const c of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) {
    defaultRequests(c);
    if (spec.hostNetwork) defaultHostPorts(c);
  }
}
