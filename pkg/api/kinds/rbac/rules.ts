import { arr, f, objectsIn, req, str, type TypeOf } from '../../schema/schema.ts';

const obj = objectsIn('io.k8s.api.rbac.v1');

export const PolicyRule = obj('PolicyRule', 'Verbs allowed on resources or paths.', {
  verbs: req(1, arr(str), 'Verbs; * means all.'),
  apiGroups: f(2, arr(str), 'API groups; "" is the core group, * means all.'),
  resources: f(3, arr(str), 'Resources; * means all.'),
  resourceNames: f(4, arr(str), 'Names of the objects; empty means all.'),
  nonResourceURLs: f(5, arr(str), 'Paths that are no resources; a trailing * matches the rest.'),
});
export type PolicyRule = TypeOf<typeof PolicyRule>;

export const Subject = obj('Subject', 'A user, group or service account.', {
  kind: req(1, str, 'User, Group or ServiceAccount.'),
  apiGroup: f(2, str, 'API group of the subject.'),
  name: req(3, str, 'Its name.'),
  namespace: f(4, str, 'Its namespace, for service accounts.'),
});
export type Subject = TypeOf<typeof Subject>;

export const RoleRef = obj(
  'RoleRef',
  'The role that is bound; cannot be changed.',
  {
    apiGroup: req(1, str, 'API group of the role.'),
    kind: req(2, str, 'Role or ClusterRole.'),
    name: req(3, str, 'Its name.'),
  },
  { structType: 'atomic' },
);
export type RoleRef = TypeOf<typeof RoleRef>;
