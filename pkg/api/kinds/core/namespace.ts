import { defineKind, topLevel } from '../../kind.ts';
import { arr, f, mapList, objectsIn, oneOf, req, str, type TypeOf, time } from '../../schema/schema.ts';
import { ConditionStatus } from './values.ts';

const PKG = 'io.k8s.api.core.v1';
const obj = objectsIn(PKG);

export const NamespaceSpec = obj('NamespaceSpec', 'What keeps a namespace.', {
  finalizers: f(1, arr(str), 'Names that must be removed before the namespace goes away.'),
});
export type NamespaceSpec = TypeOf<typeof NamespaceSpec>;

export const NamespaceCondition = obj('NamespaceCondition', "One aspect of a namespace's state.", {
  type: req(1, str, 'Which aspect.'),
  status: req(2, ConditionStatus, 'True, False or Unknown.'),
  lastTransitionTime: f(4, time, 'When the status last changed.'),
  reason: f(5, str, 'Short reason, in CamelCase.'),
  message: f(6, str, 'Explanation for people.'),
});
export type NamespaceCondition = TypeOf<typeof NamespaceCondition>;

export const NamespaceStatus = obj('NamespaceStatus', 'Where a namespace is in its life.', {
  phase: f(1, oneOf('Active', 'Terminating'), 'Active or Terminating.'),
  conditions: f(2, mapList(NamespaceCondition, 'type'), 'Aspects of its state, mostly what holds up its deletion.'),
});
export type NamespaceStatus = TypeOf<typeof NamespaceStatus>;

export const NamespaceSchema = topLevel(PKG, 'Namespace', 'A scope for names.', {
  spec: f(2, NamespaceSpec, 'What keeps it.'),
  status: f(3, NamespaceStatus, 'Where it is in its life.'),
});
export type Namespace = TypeOf<typeof NamespaceSchema>;

export const Namespaces = defineKind<Namespace>({
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  shortNames: ['ns'],
  namespaced: false,
  nameRule: 'dnsLabel',
  hasStatus: true,
  hasGeneration: false,
  subresources: ['finalize'],
  schema: NamespaceSchema,
});
