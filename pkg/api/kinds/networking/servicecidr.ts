import { defineKind, topLevel } from '../../kind.ts';
import { Condition } from '../../meta/condition.ts';
import { type FieldError, invalid, required } from '../../meta/fielderrors.ts';
import { isIpv6Cidr, networkText, parseNetwork } from '../../meta/ip.ts';
import { arr, f, mapList, objectsIn, str, type TypeOf } from '../../schema/schema.ts';
import { cidr, immutable } from '../check/check.ts';
import { ageColumn, column, nameColumn } from '../print/columns.ts';

const PKG = 'io.k8s.api.networking.v1';
const obj = objectsIn(PKG);

export const ServiceCIDRSpec = obj('ServiceCIDRSpec', 'Networks for service addresses.', {
  cidrs: f(1, arr(str), 'One network per address family.'),
});
export type ServiceCIDRSpec = TypeOf<typeof ServiceCIDRSpec>;

export const ServiceCIDRStatus = obj('ServiceCIDRStatus', 'State of the networks.', {
  conditions: f(1, mapList(Condition, 'type'), 'Aspects of the state.'),
});
export type ServiceCIDRStatus = TypeOf<typeof ServiceCIDRStatus>;

export const ServiceCIDRSchema = topLevel(PKG, 'ServiceCIDR', 'Networks service addresses are taken from.', {
  spec: f(2, ServiceCIDRSpec, 'The networks.'),
  status: f(3, ServiceCIDRStatus, 'Their state.'),
});
export type ServiceCIDR = TypeOf<typeof ServiceCIDRSchema>;

/** Objects are compared as text, so a network has one. */
function canonicalCidr(path: string, value: string): FieldError[] {
  const problems = cidr(path, value);
  if (problems.length > 0) return problems;
  const text = networkText(parseNetwork(value));
  return text === value ? [] : [invalid(path, value, `must be in canonical form ("${text}")`)];
}

function validateNetworks(o: ServiceCIDR, old?: ServiceCIDR): FieldError[] {
  const cidrs = o.spec?.cidrs ?? [];
  const found: FieldError[] = [];
  if (cidrs.length === 0) found.push(required('spec.cidrs', 'at least one CIDR required'));
  if (cidrs.length > 2) {
    found.push(invalid('spec', o.spec, 'only two values are allowed, one of each IP family'));
  }
  const problems = cidrs.flatMap((c, i) => canonicalCidr(`spec.cidrs[${i}]`, c));
  found.push(...problems);
  if (problems.length === 0 && cidrs.length === 2 && cidrs.every(isIpv6Cidr) === cidrs.some(isIpv6Cidr)) {
    const example = 'i.e 192.168.0.0/24 and 2001:db8::/96';
    found.push(invalid('spec.cidrs', cidrs, `may specify no more than one IP for each IP family, ${example}`));
  }
  return old ? [...found, ...immutable('spec.cidrs', o.spec?.cidrs, old.spec?.cidrs)] : found;
}

export const ServiceCIDRs = defineKind<ServiceCIDR>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'ServiceCIDR',
  plural: 'servicecidrs',
  namespaced: false,
  hasStatus: true,
  hasGeneration: false,
  schema: ServiceCIDRSchema,
  prepareCreate: (o) => {
    o.status = {};
  },
  validate: validateNetworks,
  columns: [nameColumn, column('CIDRs', 'The networks.', (o) => (o.spec?.cidrs ?? []).join(',')), ageColumn],
});
