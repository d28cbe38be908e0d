import type { NetworkPolicy } from '#api/kinds/index.ts';
import { annotations, selectorText } from './values.ts';
import type { DescriptionWriter } from './writer.ts';

type Spec = NonNullable<NetworkPolicy['spec']>;
type Peer = NonNullable<NonNullable<Spec['ingress']>[number]['from']>[number];
type Port = NonNullable<NonNullable<Spec['ingress']>[number]['ports']>[number];

/** A direction of traffic, and the words for it. */
interface Direction {
  readonly word: 'ingress' | 'egress';
  readonly peers: 'From' | 'To';
  readonly end: 'source' | 'destination';
  readonly rules: readonly { readonly ports?: readonly Port[]; readonly peers?: readonly Peer[] }[];
}

/** "2026-11-21 18:36:42 +0000 UTC" */
const dateText = (time: string | undefined | null): string =>
  time
    ? new Date(time)
        .toISOString()
        .replace('T', ' ')
        .replace(/\.\d+Z$/, ' +0000 UTC')
    : '';

function portText(p: Port): string {
  const protocol = p.protocol ?? 'TCP';
  return p.endPort === undefined
    ? `To Port: ${p.port}/${protocol}`
    : `To Port Range: ${p.port}-${p.endPort}/${protocol}`;
}

function peer(w: DescriptionWriter, p: Peer): void {
  if (p.namespaceSelector) w.line(3, `NamespaceSelector: ${selectorText(p.namespaceSelector)}`);
  if (p.podSelector) w.line(3, `PodSelector: ${selectorText(p.podSelector)}`);
  if (!p.ipBlock) return;
  w.line(3, 'IPBlock:');
  w.line(4, `CIDR: ${p.ipBlock.cidr}`);
  w.line(4, `Except: ${(p.ipBlock.except ?? []).join(', ')}`);
}

function direction(w: DescriptionWriter, { word, peers, end, rules }: Direction): void {
  w.line(1, `Allowing ${word} traffic:`);
  if (rules.length === 0) w.line(2, `<none> (Selected pods are isolated for ${word} connectivity)`);
  for (const [i, rule] of rules.entries()) {
    const ports = rule.ports ?? [];
    if (ports.length === 0) w.line(2, 'To Port: <any> (traffic allowed to all ports)');
    for (const p of ports) w.line(2, portText(p));
    const others = rule.peers ?? [];
    if (others.length === 0) w.line(2, `${peers}: <any> (traffic not restricted by ${end})`);
    for (const p of others) {
      w.line(2, `${peers}:`);
      peer(w, p);
    }
    if (i < rules.length - 1) w.line(2, '----------');
  }
}

export function describeNetworkPolicy(w: DescriptionWriter, { metadata, spec }: NetworkPolicy): void {
  w.line(0, 'Name:', metadata?.name ?? '');
  w.line(0, 'Namespace:', metadata?.namespace ?? '');
  w.line(0, 'Created on:', dateText(metadata?.creationTimestamp));
  w.map(0, 'Labels:', metadata?.labels);
  annotations(w, 0, metadata?.annotations);
  w.line(0, 'Spec:');
  const selector = selectorText(spec?.podSelector);
  const all = `<none> (Allowing the specific traffic to all pods in this namespace)`;
  w.line(1, `PodSelector:     ${selector === '<none>' ? all : selector}`);
  const types = spec?.policyTypes ?? [];
  if (!types.includes('Ingress')) w.line(1, 'Not affecting ingress traffic');
  else {
    const rules = (spec?.ingress ?? []).map((r) => ({ ports: r.ports ?? [], peers: r.from ?? [] }));
    direction(w, { word: 'ingress', peers: 'From', end: 'source', rules });
  }
  if (!types.includes('Egress')) w.line(1, 'Not affecting egress traffic');
  else {
    const rules = (spec?.egress ?? []).map((r) => ({ ports: r.ports ?? [], peers: r.to ?? [] }));
    direction(w, { word: 'egress', peers: 'To', end: 'destination', rules });
  }
  w.line(1, `Policy Types: ${types.join(', ')}`);
}
