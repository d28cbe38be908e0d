import { defineKind, topLevel } from '../../kind.ts';
import { LabelSelector } from '../../meta/labelselector.ts';
import { arr, f, int32, intOrString, objectsIn, oneOf, req, str, type TypeOf } from '../../schema/schema.ts';
import { Protocol } from '../core/values.ts';

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
  podSelector: req(1, LabelSelector, 'Which pods.'),
  ingress: f(2, arr(NetworkPolicyIngressRule), 'Traffic let in.'),
  egress: f(3, arr(NetworkPolicyEgressRule), 'Traffic let out.'),
  policyTypes: f(4, arr(oneOf('Egress', 'Ingress')), 'Directions the policy limits.'),
});
export type NetworkPolicySpec = TypeOf<typeof NetworkPolicySpec>;

export const NetworkPolicySchema = topLevel(PKG, 'NetworkPolicy', 'Allows some traffic of some pods, and no other.', {
  spec: f(2, NetworkPolicySpec, 'What is allowed.'),
});
export type NetworkPolicy = TypeOf<typeof NetworkPolicySchema>;

export const NetworkPolicies = defineKind<NetworkPolicy>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'NetworkPolicy',
  plural: 'networkpolicies',
  shortNames: ['netpol'],
  hasGeneration: true,
  schema: NetworkPolicySchema,
});
