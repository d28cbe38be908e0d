import { defineKind, topLevel } from '../../kind.ts';
import { f, objectsIn, req, str, type TypeOf } from '../../schema/schema.ts';

const PKG = 'io.k8s.api.networking.v1';
const obj = objectsIn(PKG);

export const IngressClassParametersReference = obj(
  'IngressClassParametersReference',
  'Settings of a class of ingress controllers.',
  {
    apiGroup: f(1, str, 'API group of the object.', { ptr: true }),
    kind: req(2, str, 'Kind of the object.'),
    name: req(3, str, 'Name of the object.'),
    scope: req(4, str, 'Namespace or Cluster.', { ptr: true, default: 'Cluster' }),
    namespace: f(5, str, 'Namespace of the object.', { ptr: true }),
  },
);
export type IngressClassParametersReference = TypeOf<typeof IngressClassParametersReference>;

export const IngressClassSpec = obj('IngressClassSpec', 'A class of ingress controllers.', {
  controller: f(1, str, 'Name of the controller; cannot be changed.'),
  parameters: f(2, IngressClassParametersReference, 'Its settings.'),
});
export type IngressClassSpec = TypeOf<typeof IngressClassSpec>;

export const IngressClassSchema = topLevel(
  PKG,
  'IngressClass',
  'A class of ingress controllers that an ingress can name.',
  {
    spec: f(2, IngressClassSpec, 'The class.'),
  },
);
export type IngressClass = TypeOf<typeof IngressClassSchema>;

export const IngressClasses = defineKind<IngressClass>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IngressClass',
  plural: 'ingressclasses',
  namespaced: false,
  hasGeneration: true,
  schema: IngressClassSchema,
});
