import { defineKind, topLevel } from '../../kind.ts';
import { DeleteOptions } from '../../meta/options.ts';
import { f, type TypeOf } from '../../schema/schema.ts';

const PKG = 'io.k8s.api.policy.v1';

export const EvictionSchema = topLevel(
  PKG,
  'Eviction',
  "Asks to end a pod, if its budgets allow; posted to the pod's eviction subresource.",
  {
    deleteOptions: f(2, DeleteOptions, 'How the pod is deleted.'),
  },
);
export type Eviction = TypeOf<typeof EvictionSchema>;

/** Spoken by pods/eviction only; not a resource of its own. */
export const Evictions = defineKind<Eviction>({
  group: 'policy',
  version: 'v1',
  kind: 'Eviction',
  plural: 'evictions',
  verbs: ['create'],
  schema: EvictionSchema,
});
