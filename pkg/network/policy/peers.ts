import type { NetworkPolicy, Pod } from '#api/kinds/index.ts';
import { compileLabelSelector, type Labels, type Selector } from '#api/meta/labels.ts';
import type { Stored } from '#api/meta/objectmeta.ts';

type Spec = NonNullable<NetworkPolicy['spec']>;
export type Rule = NonNullable<Spec['ingress']>[number] | NonNullable<Spec['egress']>[number];
export type Peer = NonNullable<NonNullable<Spec['ingress']>[number]['from']>[number];

/** A pod with an address of its own; one of two families is there twice. */
export interface Addressed {
  readonly pod: Stored<Pod>;
  readonly ip: string;
}

/** Pods by namespace, and the labels of namespaces. */
export interface PodNetwork {
  readonly pods: ReadonlyMap<string, readonly Addressed[]>;
  readonly namespaces: ReadonlyMap<string, Labels>;
}

const compiled = new WeakMap<object, Selector>();
/** Compiled once per object of the cache. */
export function selector(s: object | undefined): Selector {
  if (!s) return compileLabelSelector(undefined);
  let found = compiled.get(s);
  if (!found) {
    found = compileLabelSelector(s);
    compiled.set(s, found);
  }
  return found;
}

export const matchesPod = (s: Selector, pod: Stored<Pod>): boolean => s.matches(pod.metadata.labels ?? {});

function* namespacesOf(peer: Peer, own: string, network: PodNetwork): Generator<string> {
  if (!peer.namespaceSelector) {
    yield own;
    return;
  }
  const s = selector(peer.namespaceSelector);
  for (const [name, labels] of network.namespaces) if (s.matches(labels)) yield name;
}

/** The pods a peer means. @param own namespace of the policy. */
export function* podsOf(peer: Peer, own: string, network: PodNetwork): Generator<Addressed> {
  if (peer.ipBlock) return;
  const s = peer.podSelector ? selector(peer.podSelector) : undefined;
  for (const ns of namespacesOf(peer, own, network)) {
    for (const p of network.pods.get(ns) ?? []) if (!s || matchesPod(s, p.pod)) yield p;
  }
}

/** Numbers of the container ports of that name and protocol. */
export function namedPorts(pod: Pod, name: string, protocol: string): number[] {
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  return containers.flatMap((c) =>
    (c.ports ?? []).flatMap((p) => (p.name === name && (p.protocol ?? 'TCP') === protocol ? [p.containerPort] : [])),
  );
}
