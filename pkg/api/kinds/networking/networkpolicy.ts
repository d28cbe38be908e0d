import { BlockList, isIPv4 } from 'node:net';
import { defineKind, topLevel } from '../../kind.ts';
import { type FieldError, forbidden, invalid, required } from '../../meta/fielderrors.ts';
import { validateLabelSelector } from '../../meta/labels.ts';
import { LabelSelector } from '../../meta/labelselector.ts';
import { portNumber } from '../../meta/names.ts';
import { arr, f, int32, intOrString, objectsIn, oneOf, req, str, type TypeOf } from '../../schema/schema.ts';
import { cidr, invalidFor, oneOfOptional, portNumberOrName } from '../check/check.ts';
import { Protocol } from '../core/values.ts';
import { ageColumn, column, nameColumn } from '../print/columns.ts';
import { selectorText } from '../print/workload.ts';

const PKG = 'io.k8s.api.networking.v1';
const obj = objectsIn(PKG);

export const NetworkPolicyPort = obj('NetworkPolicyPort', 'Ports of a rule.', {
  protocol: f(1, Protocol, 'Transport protocol.', { ptr: true, default: 'TCP' }),
  port: f(2, intOrString, 'Port number or name; absent means all.'),
  endPort: f(3, int32, 'Last port of a range.', { ptr: true }),
});
export type NetworkPolicyPort = TypeOf<typeof NetworkPolicyPort>;

export const IPBlock = obj('IPBlock', 'A network, less some parts.', {
  cidr: req(1, str, 'The network.'),
  except: f(2, arr(str), 'Parts left out.'),
});
export type IPBlock = TypeOf<typeof IPBlock>;

export const NetworkPolicyPeer = obj('NetworkPolicyPeer', 'Who a rule is about.', {
  podSelector: f(1, LabelSelector, 'Pods, by label.'),
  namespaceSelector: f(2, LabelSelector, 'Namespaces, by label.'),
  ipBlock: f(3, IPBlock, 'A network.'),
});
export type NetworkPolicyPeer = TypeOf<typeof NetworkPolicyPeer>;

export const NetworkPolicyIngressRule = obj('NetworkPolicyIngressRule', 'Traffic let in.', {
  ports: f(1, arr(NetworkPolicyPort), 'To which ports; all when empty.'),
  from: f(2, arr(NetworkPolicyPeer), 'From whom; anyone when empty.'),
});
export type NetworkPolicyIngressRule = TypeOf<typeof NetworkPolicyIngressRule>;

export const NetworkPolicyEgressRule = obj('NetworkPolicyEgressRule', 'Traffic let out.', {
  ports: f(1, arr(NetworkPolicyPort), 'To which ports; all when empty.'),
  to: f(2, arr(NetworkPolicyPeer), 'To whom; anyone when empty.'),
});
export type NetworkPolicyEgressRule = TypeOf<typeof NetworkPolicyEgressRule>;

export const NetworkPolicySpec = obj('NetworkPolicySpec', 'Traffic allowed for some pods.', {
  podSelector: req(1, LabelSelector, 'Which pods.', { default: {} }),
  ingress: f(2, arr(NetworkPolicyIngressRule), 'Traffic let in.'),
  egress: f(3, arr(NetworkPolicyEgressRule), 'Traffic let out.'),
  policyTypes: f(4, arr(oneOf('Egress', 'Ingress')), 'Directions the policy limits.'),
});
export type NetworkPolicySpec = TypeOf<typeof NetworkPolicySpec>;

export const NetworkPolicySchema = topLevel(PKG, 'NetworkPolicy', 'Allows some traffic of some pods, and no other.', {
  spec: f(2, NetworkPolicySpec, 'What is allowed.', { default: {} }),
});
export type NetworkPolicy = TypeOf<typeof NetworkPolicySchema>;

/** A policy limits what comes in, and what goes out if it says anything about that. */
function defaultPolicy(o: NetworkPolicy): void {
  const { spec } = o;
  if (!spec || spec.policyTypes?.length) return;
  spec.policyTypes = spec.egress?.length ? ['Ingress', 'Egress'] : ['Ingress'];
}

function validatePort(path: string, p: NetworkPolicyPort): FieldError[] {
  const found = oneOfOptional(`${path}.protocol`, p.protocol, ['SCTP', 'TCP', 'UDP']);
  if (p.port !== undefined) found.push(...portNumberOrName(`${path}.port`, p.port));
  if (p.endPort === undefined) return found;
  const at = `${path}.endPort`;
  if (typeof p.port !== 'number') {
    const lacking = p.port === undefined ? 'not specified' : 'non-numeric';
    return [...found, invalid(at, p.endPort, `may not be specified when \`port\` is ${lacking}`)];
  }
  // It is the first port that is told.
  if (p.endPort < p.port) found.push(invalid(at, p.port, 'must be greater than or equal to `port`'));
  return [...found, ...invalidFor(at, p.endPort, portNumber(p.endPort))];
}

function validateExcept(path: string, except: string, block: string): FieldError[] {
  const found = cidr(path, except);
  if (found.length > 0 || cidr(path, block).length > 0) return found;
  const [address = '', bits] = block.split('/');
  const [from = '', length] = except.split('/');
  const family = (ip: string) => (isIPv4(ip) ? 'ipv4' : 'ipv6');
  const list = new BlockList();
  list.addSubnet(address, Number(bits), family(address));
  const inside = family(from) === family(address) && Number(length) > Number(bits) && list.check(from, family(from));
  return inside ? [] : [invalid(path, except, 'must be a strict subset of `cidr`')];
}

function validatePeer(path: string, p: NetworkPolicyPeer): FieldError[] {
  const found = [
    ...validateLabelSelector(p.podSelector, `${path}.podSelector`),
    ...validateLabelSelector(p.namespaceSelector, `${path}.namespaceSelector`),
  ];
  if (!p.podSelector && !p.namespaceSelector && !p.ipBlock) found.push(required(path, 'must specify a peer'));
  if (!p.ipBlock) return found;
  if (p.podSelector || p.namespaceSelector) {
    found.push(forbidden(path, 'may not specify both ipBlock and another peer'));
  }
  if (!p.ipBlock.cidr) found.push(required(`${path}.ipBlock.cidr`));
  else found.push(...cidr(`${path}.ipBlock.cidr`, p.ipBlock.cidr));
  const { cidr: block, except = [] } = p.ipBlock;
  return [...found, ...except.flatMap((e, i) => validateExcept(`${path}.ipBlock.except[${i}]`, e, block))];
}

function validatePolicy(o: NetworkPolicy): FieldError[] {
  const { spec } = o;
  const found = validateLabelSelector(spec?.podSelector, 'spec.podSelector');
  for (const [i, r] of (spec?.ingress ?? []).entries()) {
    const path = `spec.ingress[${i}]`;
    found.push(
      ...(r.ports ?? []).flatMap((p, j) => validatePort(`${path}.ports[${j}]`, p)),
      ...(r.from ?? []).flatMap((p, j) => validatePeer(`${path}.from[${j}]`, p)),
    );
  }
  for (const [i, r] of (spec?.egress ?? []).entries()) {
    const path = `spec.egress[${i}]`;
    found.push(
      ...(r.ports ?? []).flatMap((p, j) => validatePort(`${path}.ports[${j}]`, p)),
      ...(r.to ?? []).flatMap((p, j) => validatePeer(`${path}.to[${j}]`, p)),
    );
  }
  const types = spec?.policyTypes ?? [];
  if (types.length > 2) {
    return [...found, invalid('spec.policyTypes', types, 'may not specify more than two policyTypes')];
  }
  return [...found, ...types.flatMap((t, i) => oneOfOptional(`spec.policyTypes[${i}]`, t, ['Egress', 'Ingress']))];
}

export const NetworkPolicies = defineKind<NetworkPolicy>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'NetworkPolicy',
  plural: 'networkpolicies',
  shortNames: ['netpol'],
  hasGeneration: true,
  schema: NetworkPolicySchema,
  defaults: defaultPolicy,
  validate: validatePolicy,
  columns: [
    nameColumn,
    column('Pod-Selector', 'Pods it is about.', (o) => selectorText(o.spec?.podSelector)),
    ageColumn,
  ],
});
