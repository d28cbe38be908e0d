import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Status } from '#api/meta/errors.ts';
import { loadKubeconfig } from '#client/kubeconfig.ts';
import { createAuthority } from '#pki/issue.ts';
import { useCluster } from '../../bed/suite.ts';
import { waitFor } from '../../bed/wait.ts';
import { type AskOptions, type Obj, Wire } from './http.ts';

const cluster = useCluster('integration-identity', { apiservers: 1, without: ['scheduler', 'controller-manager'] });
let wire: Wire;
const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const NS = '/api/v1/namespaces/default';

beforeAll(async () => {
  wire = await Wire.to(cluster());
  await wire.ok('POST', `${NS}/serviceaccounts`, { metadata: { name: 'default' } });
  await wire.settled();
});

interface Who {
  status: { userInfo: { username: string; uid?: string; groups: string[]; extra?: Record<string, string[]> } };
}
const REVIEW = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
const whoami = async (headers: Record<string, string | string[]>, o: AskOptions = {}) =>
  (await wire.ok<Who>('POST', REVIEW, {}, { ...o, headers: { 'content-type': 'application/json', ...headers } })).status
    .userInfo;
const bearer = (token: string): AskOptions => ({
  anonymous: true,
  headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
});

describe('impersonation', () => {
  test('a request goes on as whom its headers name', async () => {
    expect(
      await whoami({ 'impersonate-user': 'jane', 'impersonate-group': ['a', 'b'], 'impersonate-uid': '7' }),
    ).toEqual({
      username: 'jane',
      uid: '7',
      groups: ['a', 'b', 'system:authenticated'],
    });
    expect(await whoami({ 'impersonate-user': 'jane', 'impersonate-extra-scopes': 'view' })).toMatchObject({
      extra: { scopes: ['view'] },
    });
    expect((await whoami({ 'impersonate-user': 'system:serviceaccount:default:default' })).groups).toEqual([
      'system:serviceaccounts',
      'system:serviceaccounts:default',
      'system:authenticated',
    ]);
    const out = await cluster().kubectl(['--as=jane', 'get', 'pods']);
    expect(out.stderr).toContain('User "jane" cannot list resource "pods"');
    expect((await cluster().kubectl(['auth', 'can-i', 'list', 'pods', '--as=jane'])).stdout.trim()).toBe('no');
  });

  test('only by those who may, part by part', async () => {
    const rules = [{ apiGroups: [''], resources: ['users'], verbs: ['impersonate'], resourceNames: ['jane'] }];
    await wire.ok('POST', `${RBAC}/clusterroles`, { metadata: { name: 'as-jane' }, rules });
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'as-jane' };
    const subjects = [{ kind: 'ServiceAccount', name: 'default', namespace: 'default' }];
    await wire.ok('POST', `${RBAC}/clusterrolebindings`, { metadata: { name: 'as-jane' }, roleRef, subjects });
    await wire.settled();
    const token = (await cluster().kubectlOk(['create', 'token', 'default'])).trim();
    const headers = { authorization: `Bearer ${token}` };
    await waitFor('bound', async () => {
      const found = await whoami({ ...headers, 'impersonate-user': 'jane' }, { anonymous: true }).catch(
        () => undefined,
      );
      return found?.username === 'jane';
    });
    const refused = async (more: Record<string, string>) =>
      (
        await wire.fails('POST', REVIEW, {
          anonymous: true,
          body: {},
          headers: { 'content-type': 'application/json', ...headers, ...more },
        })
      ).message;
    expect(await refused({ 'impersonate-user': 'joe' })).toBe(
      'users "joe" is forbidden: User "system:serviceaccount:default:default" cannot impersonate resource "users" in API group "" at the cluster scope',
    );
    expect(await refused({ 'impersonate-user': 'jane', 'impersonate-group': 'system:masters' })).toContain(
      'groups "system:masters" is forbidden',
    );
  });
});

describe('several claims in one request', () => {
  const admin = { username: 'kubernetes-admin' };
  let own = '';
  beforeAll(async () => {
    own = (await cluster().kubectlOk(['create', 'token', 'default'])).trim();
  });

  test('the certificate goes before the token, and a bad one beside it does no harm', async () => {
    expect(await whoami({ authorization: `Bearer ${own}` })).toMatchObject(admin);
    expect(await whoami({ authorization: 'Bearer made-up' })).toMatchObject(admin);
  });

  test('a certificate that is not believed does no harm to a good token', async () => {
    const pair = await createAuthority('elsewhere', Date.now());
    const [cert, key] = [Buffer.from(pair.cert), Buffer.from(pair.key)];
    const stranger = wire.speaking({ ca: (await loadKubeconfig(cluster().kubeconfig)).ca, cert, key });
    const by = { headers: { authorization: `Bearer ${own}`, 'content-type': 'application/json' } };
    const { status } = await stranger.ok<Who>('POST', REVIEW, {}, by);
    expect(status.userInfo.username).toBe('system:serviceaccount:default:default');
    expect((await stranger.raw('GET', '/api')).code).toBe(401);
  });

  test('what is no bearer token claims nothing', async () => {
    const refused = await wire.fails('GET', '/api', { anonymous: true, headers: { authorization: 'Basic eDp5' } });
    expect(refused.message).toContain('User "system:anonymous" cannot get path "/api"');
  });

  test('nobody is impersonated in part', async () => {
    for (const header of ['impersonate-uid', 'impersonate-group', 'impersonate-extra-a']) {
      expect((await wire.fails('GET', '/api', { headers: { [header]: 'x' } })).code).toBe(500);
    }
  });
});

test('bootstrap tokens are users of their own until they expire', async () => {
  const secret = (id: string, over: Record<string, string> = {}) => ({
    metadata: { name: `bootstrap-token-${id}` },
    type: 'bootstrap.kubernetes.io/token',
    stringData: {
      'token-id': id,
      'token-secret': '0123456789abcdef',
      'usage-bootstrap-authentication': 'true',
      'auth-extra-groups': 'system:bootstrappers:workers',
      ...over,
    },
  });
  const secrets = '/api/v1/namespaces/kube-system/secrets';
  await wire.ok('POST', secrets, secret('abcdef'));
  await wire.ok('POST', secrets, secret('expire', { expiration: '2020-01-01T00:00:00Z' }));
  await wire.ok('POST', secrets, secret('unused', { 'usage-bootstrap-authentication': 'false' }));
  await wire.settled();
  const who = await waitFor('known', () =>
    whoami({ authorization: 'Bearer abcdef.0123456789abcdef' }, { anonymous: true }),
  );
  expect(who).toEqual({
    username: 'system:bootstrap:abcdef',
    groups: ['system:bootstrappers', 'system:bootstrappers:workers', 'system:authenticated'],
  });
  for (const token of [
    'abcdef.0123456789abcdee',
    'expire.0123456789abcdef',
    'unused.0123456789abcdef',
    'nobody.0123456789abcdef',
  ]) {
    expect((await wire.fails('POST', REVIEW, { ...bearer(token), body: {} })).code).toBe(401);
  }
});

test('tokens can be checked by anybody who reads the published keys', async () => {
  const token = (
    await cluster().kubectlOk(['create', 'token', 'default', '--audience=vault', '--duration=10m'])
  ).trim();
  const self = (await cluster().kubectlOk(['create', 'token', 'default'])).trim();
  const config = await wire.ok<{ issuer: string; jwks_uri: string }>(
    'GET',
    '/.well-known/openid-configuration',
    undefined,
    bearer(self),
  );
  const keys = await wire.ask<JSONWebKeySet>('GET', new URL(config.jwks_uri).pathname, bearer(self));
  expect(keys.type).toContain('application/jwk-set+json');
  const { payload } = await jwtVerify(token, createLocalJWKSet(keys.body), {
    issuer: config.issuer,
    audience: 'vault',
  });
  expect(payload.sub).toBe('system:serviceaccount:default:default');
  expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(600);
  // Meant for somebody else, it opens nothing here.
  expect((await wire.fails('POST', REVIEW, { ...bearer(token), body: {} })).code).toBe(401);
  // Nobody in particular is somebody, too.
  expect(await wire.fails('GET', '/openid/v1/jwks', { anonymous: true })).toMatchObject({
    code: 403,
    message: 'forbidden: User "system:anonymous" cannot get path "/openid/v1/jwks"',
  });
});

describe('reviews', () => {
  test('are not stored: their metadata is what the client said, or only when it was answered who asks', async () => {
    const named = { metadata: { name: 'who' } };
    expect((await wire.ok('POST', REVIEW, named)).metadata).toEqual({ creationTimestamp: expect.any(String) });
    const access = `${AUTHZ}/selfsubjectaccessreviews`;
    const spec = { nonResourceAttributes: { path: '/version', verb: 'get' } };
    expect((await wire.ok('POST', access, { spec })).metadata).toEqual({});
    expect((await wire.ok('POST', access, { ...named, spec })).metadata).toEqual(named.metadata);
  });

  interface Reviewed {
    status: {
      authenticated?: boolean;
      audiences?: string[];
      error?: string;
      user?: { username?: string; extra?: Record<string, string[]> };
      allowed?: boolean;
      reason?: string;
      evaluationError?: string;
    };
  }
  const AUTHZ = '/apis/authorization.k8s.io/v1';
  const reviewed = async (token: string, audiences?: string[]) => {
    const spec = { token, ...(audiences ? { audiences } : {}) };
    return (await wire.ok<Reviewed>('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { spec })).status;
  };

  test('a token is good for its audiences only', async () => {
    const args = ['create', 'token', 'default', '--audience=vault', '--audience=bank'];
    const token = (await cluster().kubectlOk(args)).trim();
    expect(await reviewed(token, ['bank', 'other'])).toMatchObject({ authenticated: true, audiences: ['bank'] });
    expect(await reviewed(token, ['other'])).toMatchObject({ user: {}, error: 'invalid bearer token' });
    expect((await reviewed(token)).authenticated).toBeFalsy();
    const own = (await cluster().kubectlOk(['create', 'token', 'default'])).trim();
    const issuer = 'https://kubernetes.default.svc.cluster.local';
    expect(await reviewed(own)).toMatchObject({ authenticated: true, audiences: [issuer] });
    expect((await reviewed(own, ['bank'])).authenticated).toBeFalsy();
    const extra = (await whoami({ authorization: `Bearer ${own}` }, { anonymous: true })).extra;
    expect(extra?.['authentication.kubernetes.io/credential-id']?.[0]).toMatch(/^JTI=[0-9a-f-]{36}$/);
  });

  test('a token of a pod says where it is, one of a node ends with it', async () => {
    const node = await wire.ok<Obj>('POST', '/api/v1/nodes', { metadata: { name: 'n' } });
    const containers = [{ name: 'c', image: 'i' }];
    await wire.ok('POST', `${NS}/pods`, { metadata: { name: 'on-n' }, spec: { nodeName: 'n', containers } });
    const tokenOf = async (kind: string, name: string): Promise<string> => {
      const args = ['create', 'token', 'default', `--bound-object-kind=${kind}`, `--bound-object-name=${name}`];
      return (await cluster().kubectlOk(args)).trim();
    };
    const { extra } = (await reviewed(await tokenOf('Pod', 'on-n'))).user ?? {};
    expect(extra).toMatchObject({
      'authentication.kubernetes.io/pod-name': ['on-n'],
      'authentication.kubernetes.io/node-name': ['n'],
      'authentication.kubernetes.io/node-uid': [node.metadata.uid],
    });
    const body = { spec: { boundObjectRef: { kind: 'Node', apiVersion: 'v1', name: 'n' } } };
    const made = await wire.ok<Obj & { status: { token: string } }>(
      'POST',
      `${NS}/serviceaccounts/default/token`,
      body,
    );
    await waitFor('it is good', async () => (await reviewed(made.status.token)).authenticated);
    await wire.ok('DELETE', `${NS}/pods/on-n?gracePeriodSeconds=0`);
    await wire.ok('DELETE', '/api/v1/nodes/n');
    await waitFor('it is over', async () => !(await reviewed(made.status.token)).authenticated);
  });

  test('why somebody is allowed something, and what is no question', async () => {
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' };
    const subjects = [{ kind: 'Group', name: 'viewers', apiGroup: 'rbac.authorization.k8s.io' }];
    const bindings = `${RBAC}/namespaces/default/rolebindings`;
    await wire.ok('POST', bindings, { metadata: { name: 'viewers' }, roleRef, subjects });
    const resourceAttributes = { namespace: 'default', verb: 'list', resource: 'pods' };
    const spec = { user: 'v', groups: ['viewers'], resourceAttributes };
    const status = await waitFor('bound', async () => {
      const found = (await wire.ok<Reviewed>('POST', `${AUTHZ}/subjectaccessreviews`, { spec })).status;
      return found.allowed ? found : undefined;
    });
    expect(status.reason).toBe(
      'RBAC: allowed by RoleBinding "viewers/default" of ClusterRole "view" to Group "viewers"',
    );
    // Who asks with a selector that is not understood is answered the wider question, and told.
    const narrowed = async (fieldSelector: object): Promise<unknown> => {
      const asked = { spec: { ...spec, resourceAttributes: { ...resourceAttributes, fieldSelector } } };
      const { allowed, evaluationError } = (await wire.ok<Reviewed>('POST', `${AUTHZ}/subjectaccessreviews`, asked))
        .status;
      return [allowed, evaluationError];
    };
    expect(await narrowed({ rawSelector: 'spec.nodeName=a' })).toEqual([true, undefined]);
    const ignored = 'spec.resourceAttributes.fieldSelector ignored due to parse error';
    expect(await narrowed({ rawSelector: 'a in (b)' })).toEqual([true, ignored]);
    const wrong = async (where: string, bad: object): Promise<unknown> => {
      const { code, details } = await wire.fails('POST', `${AUTHZ}/${where}`, { body: { spec: bad } });
      return [code, details?.causes?.map((c) => c.field)];
    };
    expect(await wrong('subjectaccessreviews', { resourceAttributes })).toEqual([422, ['spec.user']]);
    expect(await wrong('selfsubjectaccessreviews', {})).toEqual([422, ['spec.resourceAttributes']]);
    expect(await wrong('namespaces/kube-system/localsubjectaccessreviews', spec)).toEqual([
      422,
      ['spec.resourceAttributes.namespace'],
    ]);
  });
});

describe('nobody grants what they do not hold', () => {
  let as: AskOptions;
  const role = (name: string, verbs: string[], resources = ['configmaps']) => ({
    metadata: { name },
    rules: [{ apiGroups: [''], resources, verbs }],
  });
  const roles = `${RBAC}/namespaces/default/roles`;
  const bindings = `${RBAC}/namespaces/default/rolebindings`;
  const binding = (name: string, kind: string, ref: string) => ({
    metadata: { name },
    subjects: [{ kind: 'User', name: 'eve', apiGroup: 'rbac.authorization.k8s.io' }],
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name: ref },
  });

  beforeAll(async () => {
    await wire.ok('POST', `${NS}/serviceaccounts`, { metadata: { name: 'granter' } });
    const rbac = { apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles', 'rolebindings'], verbs: ['*'] };
    const granter = role('granter', ['get', 'list']);
    rbac.verbs = ['create', 'update', 'patch', 'get'];
    await wire.ok('POST', roles, { ...granter, rules: [...granter.rules, rbac] });
    const subjects = [{ kind: 'ServiceAccount', name: 'granter', namespace: 'default' }];
    await wire.ok('POST', bindings, { ...binding('granter', 'Role', 'granter'), subjects });
    await wire.settled();
    as = bearer((await cluster().kubectlOk(['create', 'token', 'granter'])).trim());
    await waitFor('bound', async () => (await wire.raw('GET', `${NS}/configmaps`, as)).code === 200);
  });

  test('roles', async () => {
    await wire.ok('POST', roles, role('same', ['get']), as);
    const more = await wire.fails('POST', roles, { ...as, body: role('more', ['get', 'delete']) });
    expect(more).toMatchObject({ code: 403, reason: 'Forbidden' });
    expect(more.message).toContain('is attempting to grant RBAC permissions not currently held:');
    expect(more.message).toContain('{APIGroups:[""], Resources:["configmaps"], Verbs:["delete"]}');
    const wider = await wire.fails('PUT', `${roles}/same`, { ...as, body: role('same', ['*'], ['*']) });
    expect(wider.code).toBe(403);
    await wire.ok(
      'PATCH',
      `${roles}/same`,
      { metadata: { labels: { a: 'b' } } },
      {
        ...as,
        headers: { ...as.headers, 'content-type': 'application/merge-patch+json' },
      },
    );
  });

  test('bindings', async () => {
    await wire.ok('POST', bindings, binding('same', 'Role', 'same'), as);
    const admin = await wire.fails('POST', bindings, { ...as, body: binding('admin', 'ClusterRole', 'cluster-admin') });
    expect(admin).toMatchObject({ code: 403 });
    const missing = await wire.fails('POST', bindings, { ...as, body: binding('none', 'Role', 'none') });
    expect(missing).toMatchObject({ code: 404, message: 'roles.rbac.authorization.k8s.io "none" not found' });
    // The verb "bind" on the role lets it be bound without holding it.
    const bind = {
      metadata: { name: 'binder' },
      rules: [
        {
          apiGroups: ['rbac.authorization.k8s.io'],
          resources: ['clusterroles'],
          resourceNames: ['view'],
          verbs: ['bind'],
        },
      ],
    };
    await wire.ok('POST', roles, bind);
    const subjects = [{ kind: 'ServiceAccount', name: 'granter', namespace: 'default' }];
    await wire.ok('POST', bindings, { ...binding('binder', 'Role', 'binder'), subjects });
    await waitFor('may bind', async () => {
      const { code } = await wire.ask<Status>('POST', `${bindings}?dryRun=All`, {
        ...as,
        body: binding('view', 'ClusterRole', 'view'),
      });
      return code === 201;
    });
  });

  test('auth can-i --list tells what one holds', async () => {
    const review = { spec: { namespace: 'default' } };
    const rules = await wire.ok<Obj & { status: { resourceRules: { resources: string[]; verbs: string[] }[] } }>(
      'POST',
      '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews',
      review,
      as,
    );
    expect(rules.status.resourceRules).toContainEqual({
      apiGroups: [''],
      resources: ['configmaps'],
      verbs: ['get', 'list'],
    });
    const out = await cluster().kubectlOk(['auth', 'can-i', '--list', '--as=system:serviceaccount:default:granter']);
    expect(out).toMatch(/configmaps +\[\] +\[\] +\[get list\]/);
  });
});
