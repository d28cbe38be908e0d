import { defineKind, topLevel } from '../../kind.ts';
import { type FieldError, required } from '../../meta/fielderrors.ts';
import { f, int64, raw, req, type TypeOf } from '../../schema/schema.ts';
import { immutable, nonNegative } from '../check/check.ts';
import { ageColumn, column, NONE, nameColumn, numberColumn } from '../print/columns.ts';

const PKG = 'io.k8s.api.apps.v1';

export const ControllerRevisionSchema = topLevel(
  PKG,
  'ControllerRevision',
  'A saved state of a stateful set or daemon set; cannot be changed.',
  {
    data: f(2, raw, 'The saved state.'),
    revision: req(3, int64, 'Its number.'),
  },
);
export type ControllerRevision = TypeOf<typeof ControllerRevisionSchema>;

function validateRevision(o: ControllerRevision, old?: ControllerRevision): FieldError[] {
  const found = nonNegative('revision', o.revision);
  if (o.data === undefined) found.push(required('data', 'data is mandatory'));
  if (old) found.push(...immutable('data', o.data, old.data));
  return found;
}

function controllerOf(o: ControllerRevision): string {
  const owner = o.metadata?.ownerReferences?.find((r) => r.controller);
  if (!owner) return NONE;
  const group = owner.apiVersion.includes('/') ? `.${owner.apiVersion.split('/')[0]}` : '';
  return `${owner.kind.toLowerCase()}${group}/${owner.name}`;
}

export const ControllerRevisions = defineKind<ControllerRevision>({
  group: 'apps',
  version: 'v1',
  kind: 'ControllerRevision',
  plural: 'controllerrevisions',
  schema: ControllerRevisionSchema,
  validate: validateRevision,
  columns: [
    nameColumn,
    column('Controller', 'Whose state was saved.', controllerOf),
    numberColumn('Revision', 'Number of the saved state.', (o) => o.revision),
    ageColumn,
  ],
});
