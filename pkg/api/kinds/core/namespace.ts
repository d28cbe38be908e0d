import { defineKind, topLevel } from '../../kind.ts';
import { type FieldError, invalid } from '../../meta/fielderrors.ts';
import { qualifiedName } from '../../meta/names.ts';
import { arr, f, mapList, objectsIn, oneOf, req, str, type TypeOf, time } from '../../schema/schema.ts';
import { invalidFor } from '../check/check.ts';
import { ageColumn, column, nameColumn } from '../print/columns.ts';
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
  phase: f(1, oneOf('Active', 'Terminating'), 'Active or Terminating.', { default: 'Active' }),
  conditions: f(2, mapList(NamespaceCondition, 'type'), 'Aspects of its state, mostly what holds up its deletion.'),
});
export type NamespaceStatus = TypeOf<typeof NamespaceStatus>;

export const NamespaceSchema = topLevel(PKG, 'Namespace', 'A scope for names.', {
  spec: f(2, NamespaceSpec, 'What keeps it.'),
  status: f(3, NamespaceStatus, 'Where it is in its life.'),
});
export type Namespace = TypeOf<typeof NamespaceSchema>;

const NAME_LABEL = 'kubernetes.io/metadata.name';

/** Every namespace can be selected by its name. */
function labelWithName(o: Namespace): void {
  const name = o.metadata?.name;
  if (!name) return;
  o.metadata = { ...o.metadata, labels: { ...o.metadata?.labels, [NAME_LABEL]: name } };
}

function prepareCreate(o: Namespace): void {
  o.status = { phase: 'Active' };
  const finalizers = o.spec?.finalizers ?? [];
  o.spec = { ...o.spec, finalizers: finalizers.includes('kubernetes') ? finalizers : [...finalizers, 'kubernetes'] };
}

function validatePhase({ metadata, status }: Namespace): FieldError[] {
  const { phase = 'Active' } = status ?? {};
  const [wanted, why] = metadata?.deletionTimestamp ? ['Terminating', 'not empty'] : ['Active', 'empty'];
  const detail = `may only be '${wanted}' if \`deletionTimestamp\` is ${why}`;
  return phase === wanted ? [] : [invalid('status.Phase', phase, detail)];
}

export const Namespaces = defineKind<Namespace>({
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  shortNames: ['ns'],
  namespaced: false,
  nameRule: 'dnsLabel',
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  hasStatus: true,
  hasGeneration: false,
  subresources: ['finalize'],
  schema: NamespaceSchema,
  defaults: labelWithName,
  prepareCreate,
  // Finalizers go away through the finalize subresource only.
  prepareUpdate: (o, old) => {
    o.spec = { ...o.spec, finalizers: old.spec?.finalizers };
  },
  validate: (o) =>
    (o.spec?.finalizers ?? []).flatMap((f) => [
      ...invalidFor('spec.finalizers', f, qualifiedName(f)),
      ...(f.includes('/') || f === 'kubernetes'
        ? []
        : [invalid('spec.finalizers', f, 'name is neither a standard finalizer name nor is it fully qualified')]),
    ]),
  validateStatus: validatePhase,
  fields: { 'status.phase': (o) => o.status?.phase ?? '' },
  columns: [
    nameColumn,
    column('Status', 'Whether it is in use or going away.', (o) => o.status?.phase ?? ''),
    ageColumn,
  ],
});
