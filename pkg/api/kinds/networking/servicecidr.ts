import { defineKind, topLevel } from '../../kind.ts';
import { Condition } from '../../meta/condition.ts';
import { arr, f, mapList, objectsIn, str, type TypeOf } from '../../schema/schema.ts';

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

export const ServiceCIDRs = defineKind<ServiceCIDR>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'ServiceCIDR',
  plural: 'servicecidrs',
  namespaced: false,
  hasStatus: true,
  hasGeneration: false,
  schema: ServiceCIDRSchema,
});
