import { defineKind, topLevel } from '../../kind.ts';
import { type FieldError, forbidden, required, tooLong } from '../../meta/fielderrors.ts';
import { dnsLabel, dnsSubdomain, pathSegment } from '../../meta/names.ts';
import { f, objectsIn, req, str, type TypeOf } from '../../schema/schema.ts';
import { domainPrefixedPath, immutable, invalidFor, oneOfRequired } from '../check/check.ts';
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

const MAX_CONTROLLER = 250;

function validateParameters(path: string, p: IngressClassParametersReference): FieldError[] {
  const found = p.apiGroup === undefined ? [] : invalidFor(`${path}.apiGroup`, p.apiGroup, dnsSubdomain(p.apiGroup));
  for (const k of ['kind', 'name'] as const) {
    if (!p[k]) found.push(required(`${path}.${k}`, `${k} is required`));
    else found.push(...invalidFor(`${path}.${k}`, p[k], pathSegment(p[k])));
  }
  found.push(...oneOfRequired(`${path}.scope`, p.scope, ['Cluster', 'Namespace']));
  const at = `${path}.namespace`;
  if (p.scope === 'Namespace') {
    if (p.namespace === undefined) found.push(required(at, "`parameters.scope` is set to 'Namespace'"));
    else found.push(...invalidFor(at, p.namespace, dnsLabel(p.namespace)));
  }
  if (p.scope === 'Cluster' && p.namespace !== undefined) {
    found.push(forbidden(at, "`parameters.scope` is set to 'Cluster'"));
  }
  return found;
}

function validateClass(o: IngressClass, old?: IngressClass): FieldError[] {
  const { controller = '', parameters } = o.spec ?? {};
  const found = controller.length > MAX_CONTROLLER ? [tooLong('spec.controller', MAX_CONTROLLER)] : [];
  found.push(...domainPrefixedPath('spec.controller', controller));
  if (parameters) found.push(...validateParameters('spec.parameters', parameters));
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
