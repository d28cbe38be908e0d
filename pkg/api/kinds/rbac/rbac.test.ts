import { expect, test } from 'vitest';
import type { Kind } from '../../kind.ts';
import { TokenRequests } from '../authentication/tokenrequest.ts';
import { LocalSubjectAccessReviews } from '../authorization/localsubjectaccessreview.ts';
import { SelfSubjectAccessReviews } from '../authorization/selfsubjectaccessreview.ts';
import { created, describeKinds, type KindCase, row, texts, updated } from '../fixtures.ts';
import { ClusterRoles } from './clusterrole.ts';
import { ClusterRoleBindings } from './clusterrolebinding.ts';
import { Roles } from './role.ts';
import { RoleBindings } from './rolebinding.ts';

const REQUIRED = 'FieldValueRequired';
const INVALID = 'FieldValueInvalid';
const FORBIDDEN = 'FieldValueForbidden';
const UNSUPPORTED = 'FieldValueNotSupported';
const metadata = { name: 'r', namespace: 'default' };
const rules = [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }];
const roleRef = { kind: 'ClusterRole', name: 'view' };

const F = 'spec.resourceAttributes.fieldSelector';
const L = 'spec.resourceAttributes.labelSelector';
const one = { key: 'a', operator: 'In', values: ['b'] };

const cases: readonly KindCase[] = [
  [
    'Role',
    Roles as unknown as Kind,
    { metadata, rules },
    [
      [{ 'rules[0].verbs': [] }, REQUIRED, 'rules[0].verbs', 'verbs must contain at least one value'],
      [
        { 'rules[0].apiGroups': undefined },
        REQUIRED,
        'rules[0].apiGroups',
        'resource rules must supply at least one api group',
      ],
      [
        { 'rules[0].resources': [] },
        REQUIRED,
        'rules[0].resources',
        'resource rules must supply at least one resource',
      ],
      [
        { rules: [{ verbs: ['get'], nonResourceURLs: ['/x'] }] },
        INVALID,
        'rules[0].nonResourceURLs',
        'namespaced rules cannot apply to non-resource URLs',
      ],
    ],
  ],
  [
    'ClusterRole',
    ClusterRoles as unknown as Kind,
    { metadata: { name: 'r' }, rules: [{ verbs: ['get'], nonResourceURLs: ['/x'] }] },
    [
      [
        { 'rules[0].resources': ['pods'] },
        INVALID,
        'rules[0].nonResourceURLs',
        'rules cannot apply to both regular resources and non-resource URLs',
      ],
      [
        { aggregationRule: {} },
        REQUIRED,
        'aggregationRule.clusterRoleSelectors',
        'at least one clusterRoleSelector required if aggregationRule is non-nil',
      ],
    ],
  ],
  [
    'RoleBinding',
    RoleBindings as unknown as Kind,
    { metadata, roleRef, subjects: [{ kind: 'User', name: 'u' }] },
    [
      [{ 'roleRef.kind': 'Thing' }, UNSUPPORTED, 'roleRef.kind', '"ClusterRole", "Role"'],
      [{ 'roleRef.apiGroup': 'x' }, UNSUPPORTED, 'roleRef.apiGroup', '"rbac.authorization.k8s.io"'],
      [{ 'roleRef.name': '' }, REQUIRED, 'roleRef.name', 'Required value'],
      [{ 'subjects[0].name': '' }, REQUIRED, 'subjects[0].name', 'Required value'],
      [{ 'subjects[0].kind': 'Robot' }, UNSUPPORTED, 'subjects[0].kind', '"Group", "ServiceAccount", "User"'],
    ],
  ],
  [
    'ClusterRoleBinding',
    ClusterRoleBindings as unknown as Kind,
    { metadata: { name: 'r' }, roleRef, subjects: [{ kind: 'ServiceAccount', name: 'u', namespace: 'n' }] },
    [
      [{ 'roleRef.kind': 'Role' }, UNSUPPORTED, 'roleRef.kind', '"ClusterRole"'],
      [{ 'subjects[0].namespace': undefined }, REQUIRED, 'subjects[0].namespace', 'Required value'],
      [{ 'subjects[0].apiGroup': 'x' }, UNSUPPORTED, 'subjects[0].apiGroup', '""'],
    ],
  ],
  [
    'TokenRequest',
    TokenRequests as unknown as Kind,
    { metadata, spec: { audiences: [] } },
    [
      [
        { 'spec.expirationSeconds': 60 },
        INVALID,
        'spec.expirationSeconds',
        'may not specify a duration less than 10 minutes',
      ],
    ],
  ],
  [
    'LocalSubjectAccessReview',
    LocalSubjectAccessReviews as unknown as Kind,
    { metadata, spec: { user: 'u', resourceAttributes: { verb: 'get', resource: 'pods' } } },
    [
      [{ 'spec.user': undefined }, INVALID, 'spec.user', 'at least one of user or group must be specified'],
      [
        { 'spec.nonResourceAttributes': { path: '/' } },
        INVALID,
        'spec.nonResourceAttributes',
        'cannot be specified in combination with resourceAttributes',
      ],
    ],
  ],
  [
    'SelfSubjectAccessReview',
    SelfSubjectAccessReviews as unknown as Kind,
    { metadata: {}, spec: { resourceAttributes: { verb: 'get', resource: 'pods' } } },
    [
      [
        { 'spec.resourceAttributes': undefined },
        INVALID,
        'spec.resourceAttributes',
        'Invalid value: "null": exactly one of nonResourceAttributes or resourceAttributes must be specified',
      ],
      [{ [F]: {} }, REQUIRED, `${F}.requirements`, 'requirements or rawSelector is required'],
      [{ [F]: { rawSelector: 'a=b', requirements: [one] } }, INVALID, `${F}.rawSelector`, '"a=b": may not specified'],
      [{ [F]: { requirements: [{ ...one, key: '' }] } }, REQUIRED, `${F}.requirements[0].key`, 'must be specified'],
      [{ [F]: { requirements: [{ ...one, values: [] }] } }, REQUIRED, `${F}.requirements[0].values`, "'In' or 'NotIn'"],
      [
        { [L]: { requirements: [{ ...one, operator: 'Exists' }] } },
        FORBIDDEN,
        `${L}.requirements[0].values`,
        "'Exists'",
      ],
      [{ [L]: { requirements: [{ ...one, key: 'a b' }] } }, INVALID, `${L}.requirements[0].key`, 'name part must'],
      [{ [L]: { requirements: [{ ...one, values: ['a b'] }] } }, INVALID, `${L}.requirements[0].values[0]`, '"a b"'],
    ],
  ],
];

describeKinds(cases);

test('the role of a binding cannot be changed', () => {
  const old = created(RoleBindings, { metadata, roleRef, subjects: [] }).object;
  const { problems } = updated(RoleBindings, old, (o) => {
    o.roleRef = { ...o.roleRef, name: 'edit' };
  });
  expect(texts(problems)[0]).toContain('FieldValueInvalid roleRef: ');
  expect(texts(problems)[0]).toContain('cannot change roleRef');
});

test('table of a binding', () => {
  const subjects = [
    { kind: 'User', name: 'u' },
    { kind: 'Group', name: 'g' },
    { kind: 'ServiceAccount', name: 's', namespace: 'n' },
  ];
  const { object } = created(RoleBindings, { metadata, roleRef, subjects });
  expect(object.subjects?.map((s) => s.apiGroup)).toEqual([
    'rbac.authorization.k8s.io',
    'rbac.authorization.k8s.io',
    undefined,
  ]);
  expect(row(RoleBindings, object, 0)).toMatchObject({
    Role: 'ClusterRole/view',
    Users: 'u',
    Groups: 'g',
    ServiceAccounts: 'n/s',
  });
});
