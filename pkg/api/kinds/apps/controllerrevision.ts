import { defineKind, topLevel } from '../../kind.ts';
import { f, int64, raw, req, type TypeOf } from '../../schema/schema.ts';

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

export const ControllerRevisions = defineKind<ControllerRevision>({
  group: 'apps',
  version: 'v1',
  kind: 'ControllerRevision',
  plural: 'controllerrevisions',
  schema: ControllerRevisionSchema,
});
