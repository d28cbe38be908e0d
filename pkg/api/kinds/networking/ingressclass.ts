import { defineKind, topLevel } from '../../kind.ts';
import { type FieldError, forbidden, invalid, required, tooLong } from '../../meta/fielderrors.ts';
import { f, objectsIn, req, str, type TypeOf } from '../../schema/schema.ts';
import { immutable, oneOfRequired } from '../check/check.ts';
import { ageColumn, column, NONE, nameColumn } from '../print/columns.ts';

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

function validateClass(o: IngressClass, old?: IngressClass): FieldError[] {
  const controller = o.spec?.controller ?? '';
  const found: FieldError[] = [];
  if (controller.length > 250) found.push(tooLong('spec.controller', 250));
  if (!/^[^/]+\/.+$/.test(controller)) {
    found.push(invalid('spec.controller', controller, 'must be a domain-prefixed path (such as "acme.io/foo")'));
  }
  const p = o.spec?.parameters;
  if (p) {
    for (const k of ['kind', 'name'] as const) if (!p[k]) found.push(required(`spec.parameters.${k}`));
    found.push(...oneOfRequired('spec.parameters.scope', p.scope, ['Cluster', 'Namespace']));
    if (p.scope === 'Namespace' && !p.namespace) {
      found.push(required('spec.parameters.namespace', "`parameters.scope` is set to 'Namespace'"));
    }
    if (p.scope === 'Cluster' && p.namespace) {
      found.push(forbidden('spec.parameters.namespace', "`parameters.scope` is set to 'Cluster'"));
    }
  }
  return old ? [...found, ...immutable('spec.controller', o.spec?.controller, old.spec?.controller)] : found;
}

function parametersText(o: IngressClass): string {
  const p = o.spec?.parameters;
  if (!p) return NONE;
  return `${p.kind}${p.apiGroup ? `.${p.apiGroup}` : ''}/${p.name}`;
}

export const IngressClasses = defineKind<IngressClass>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IngressClass',
  plural: 'ingressclasses',
  namespaced: false,
  hasGeneration: true,
  schema: IngressClassSchema,
  validate: validateClass,
  columns: [
    nameColumn,
    column('Controller', 'Name of the controller.', (o) => o.spec?.controller ?? ''),
    column('Parameters', 'Its settings.', parametersText),
    ageColumn,
  ],
});
