import { defineKind, topLevel } from '../../kind.ts';
import { notSupported, required } from '../../meta/fielderrors.ts';
import { req, type TypeOf } from '../../schema/schema.ts';
import { ObjectReference } from './references.ts';

const PKG = 'io.k8s.api.core.v1';

export const BindingSchema = topLevel(
  PKG,
  'Binding',
  "Assigns a pod to a node; posted to the pod's binding subresource.",
  {
    target: req(2, ObjectReference, 'The node.'),
  },
);
export type Binding = TypeOf<typeof BindingSchema>;

/** Also spoken by pods/binding. */
export const Bindings = defineKind<Binding>({
  group: '',
  version: 'v1',
  kind: 'Binding',
  plural: 'bindings',
  verbs: ['create'],
  schema: BindingSchema,
  validate: (o) => [
    ...(['', 'Node'].includes(o.target?.kind ?? '')
      ? []
      : [notSupported('target.kind', o.target.kind, ['Node', '<empty>'])]),
    ...(o.target?.name ? [] : [required('target.name')]),
  ],
});
