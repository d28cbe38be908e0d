import { describe, expect, test } from 'vitest';
import {
  ClusterRoles,
  EndpointSlices,
  EndpointsResource,
  Events,
  Nodes,
  Secrets,
  type Service,
  ServiceAccounts,
  Services,
} from '#api/kinds/index.ts';
import { isNotFound } from '#api/meta/errors.ts';
import { createClient } from '#client/client.ts';
import { loadKubeconfig } from '#client/kubeconfig.ts';
import { silentLogger } from '#process/logger.ts';
import { waitFor } from '../../bed/wait.ts';
import { freshNamespace, useWorld } from './world.ts';

const POOL = 6;
const world = useWorld('controllers-cluster', {
  hollow: 2,
  flags: { 'controller-manager': ['--load-balancer-pools', `lan=203.0.113.1-203.0.113.${POOL},spare=203.0.113.77`] },
});

test('aggregated roles follow the roles they select, those of the system among them', async () => {
  const { client } = world();
  const rules = [{ apiGroups: ['example.org'], resources: ['widgets'], verbs: ['get'] }];
  const has = async (role: string) =>
    ((await client.get(ClusterRoles, role)).rules ?? []).some((r) => r.resources?.includes('widgets'));
  const before = (await client.get(ClusterRoles, 'view')).rules ?? [];
  const labels = { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' };
  await client.create(ClusterRoles, { metadata: { name: 'widgets', labels }, rules });
  await waitFor(
    'view, and through it edit and admin',
    async () => (await has('view')) && (await has('edit')) && has('admin'),
  );
  // Roles of other parts may be gathered at the same time.
  expect((await client.get(ClusterRoles, 'view')).rules).toEqual(expect.arrayContaining([...before, ...rules]));
  expect((await client.get(ClusterRoles, 'admin')).rules?.some((r) => r.resources?.includes('rolebindings'))).toBe(
    true,
  );
  await client.delete(ClusterRoles, 'widgets');
  await waitFor('and back', async () => !(await has('view')) && !(await has('edit')) && !(await has('admin')));
});

test('a token Secret is filled, serves to log in, and ends with its account', async () => {
  const { client, cluster } = world();
  const ns = await freshNamespace(client);
  await client.create(ServiceAccounts, { metadata: { namespace: ns, name: 'robot' } });
  const annotations = { 'kubernetes.io/service-account.name': 'robot' };
  await client.create(Secrets, {
    metadata: { namespace: ns, name: 'token', annotations },
    type: 'kubernetes.io/service-account-token',
  });
  const secret = await waitFor('the token', async () => {
    const s = await client.get(Secrets, 'token', ns);
    return s.data?.token ? s : undefined;
  });
  const text = (key: string) => Buffer.from(secret.data?.[key] ?? '', 'base64').toString();
  expect([text('namespace'), text('ca.crt')]).toEqual([ns, expect.stringContaining('BEGIN CERTIFICATE')]);
  const { server } = await loadKubeconfig(cluster.kubeconfig);
  const robot = createClient({
    server,
    ca: text('ca.crt'),
    token: text('token'),
    userAgent: 'robot',
    logger: silentLogger,
  } as never);
  const whoami = () =>
    robot.raw<{ status: { userInfo: { username: string } } }>(
      'POST',
      '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'SelfSubjectReview',
      },
    );
  try {
    expect((await whoami()).status.userInfo.username).toBe(`system:serviceaccount:${ns}:robot`);
    await client.delete(ServiceAccounts, 'robot', ns);
    await waitFor('the Secret is gone', () => client.get(Secrets, 'token', ns).then(() => false, isNotFound));
    await waitFor('the token is void', () =>
      whoami().then(
        () => false,
        (e) => (e as { code?: number }).code === 401,
      ),
    );
  } finally {
    await robot.close();
  }
});

const service = (namespace: string, name: string, spec: object): Service =>
  ({ metadata: { namespace, name }, spec: { ports: [{ port: 80 }], ...spec } }) as Service;

describe('services', () => {
  test('endpoints kept by hand are mirrored as slices', async () => {
    const { client } = world();
    const ns = await freshNamespace(client);
    const slices = async () => (await client.list(EndpointSlices, { namespace: ns })).items;
    const subsets = (...ips: string[]) => [{ addresses: ips.map((ip) => ({ ip })), ports: [{ port: 5432 }] }];
    await client.create(EndpointsResource, { metadata: { namespace: ns, name: 'db' }, subsets: subsets('192.0.2.7') });
    await client.create(Services, service(ns, 'db', {}));
    const [slice] = await waitFor('a slice', async () => ((await slices()).length === 1 ? slices() : undefined));
    expect(slice).toMatchObject({
      metadata: {
        labels: {
          'kubernetes.io/service-name': 'db',
          'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
        },
      },
      endpoints: [{ addresses: ['192.0.2.7'], conditions: { ready: true } }],
      ports: [{ port: 5432, protocol: 'TCP' }],
    });
    const body = { subsets: subsets('192.0.2.7', '192.0.2.8') };
    await client.patch(EndpointsResource, { name: 'db', namespace: ns }, { type: 'merge', body });
    await waitFor('both', async () => (await slices())[0]?.endpoints?.length === 2);
    expect((await slices())[0]?.metadata.uid).toBe(slice?.metadata.uid);
    await client.delete(EndpointsResource, 'db', ns);
    await waitFor('none', async () => (await slices()).length === 0);
  });

  test('load balancers get the addresses of the ready nodes, each port once', async () => {
    const { client } = world();
    const ns = await freshNamespace(client);
    const address = (node: string, ip: string) =>
      client.patch(
        Nodes,
        { name: node, subresource: 'status' },
        { type: 'strategic', body: { status: { addresses: [{ type: 'InternalIP', address: ip }] } } },
      );
    await address('hollow1', '198.51.100.1');
    await address('hollow2', '198.51.100.2');
    const ips = async (name: string) =>
      ((await client.get(Services, name, ns)).status?.loadBalancer?.ingress ?? []).map((i) => i.ip).join(' ');
    const both = '198.51.100.1 198.51.100.2';
    const ofNodes = { type: 'LoadBalancer', loadBalancerClass: 'coxswain.dev/nodes' };
    const excluded = (value: string | null) => {
      const labels = { 'node.kubernetes.io/exclude-from-external-load-balancers': value };
      return client.patch(Nodes, { name: 'hollow2' }, { type: 'merge', body: { metadata: { labels } } });
    };
    await client.create(Services, service(ns, 'a', ofNodes));
    await waitFor('both', async () => (await ips('a')) === both);
    await client.create(Services, service(ns, 'b', ofNodes));
    await client.create(
      Services,
      service(ns, 'c', { type: 'LoadBalancer', loadBalancerClass: 'example.org/x', ports: [{ port: 81 }] }),
    );
    await excluded('');
    await waitFor('one', async () => (await ips('a')) === '198.51.100.1');
    await excluded(null);
    await waitFor('both again', async () => (await ips('a')) === both);
    expect([await ips('b'), await ips('c')]).toEqual(['', '']);
    await client.patch(
      Services,
      { name: 'a', namespace: ns },
      { type: 'merge', body: { spec: { type: 'ClusterIP', loadBalancerClass: null } } },
    );
    await waitFor('handed on', async () => (await ips('a')) === '' && (await ips('b')) === both);
  });

  test('addresses of a pool are given once, also by a controller manager that is killed in the middle', async () => {
    const { client, cluster } = world();
    const ns = await freshNamespace(client);
    const lan = { type: 'LoadBalancer', loadBalancerClass: 'coxswain.dev/lan' };
    const all = async () => (await client.list(Services, { namespace: ns })).items;
    const held = async () => (await all()).flatMap((s) => s.status?.loadBalancer?.ingress?.map((i) => i.ip) ?? []);
    const waiting = async (reason: string) =>
      (await all()).filter((s) => s.status?.conditions?.some((c) => c.reason === reason)).map((s) => s.metadata.name);
    const manager = cluster.processes['controller-manager'];
    for (let n = 0; n < POOL + 2; n++) {
      await client.create(Services, service(ns, `s${n}`, lan));
      if (n === 3) await manager.kill('SIGKILL');
    }
    await manager.start();
    await waitFor('all are given', async () => (await held()).length === POOL, { timeoutMs: 60_000 });
    expect(new Set(await held()).size).toBe(POOL);
    await waitFor('two wait', async () => (await waiting('PoolExhausted')).length === 2, { timeoutMs: 60_000 });
    await waitFor('it is told', async () =>
      (await client.list(Events, { namespace: ns })).items.some(
        (e) => e.message === 'Error syncing load balancer: all IPv4 addresses of pool lan are in use',
      ),
    );

    const given = (await all()).find((s) => s.status?.loadBalancer?.ingress)?.metadata.name ?? '';
    await client.delete(Services, given, ns);
    await waitFor('one more is given, and one waits', async () => {
      return (await held()).length === POOL && (await waiting('PoolExhausted')).length === 1;
    });
    expect(new Set(await held()).size).toBe(POOL);

    // Without a class any pool will do; a wanted address is that one or none.
    const wants = (loadBalancerIP: string) => ({ type: 'LoadBalancer', loadBalancerIP });
    await client.create(Services, service(ns, 'wants', wants('203.0.113.77')));
    await waitFor('the address wanted', async () => (await held()).includes('203.0.113.77'));
    await client.create(Services, service(ns, 'late', wants('203.0.113.77')));
    await client.create(Services, service(ns, 'strange', wants('192.0.2.1')));
    await waitFor('both are told', async () => {
      const told = [await waiting('AddressInUse'), await waiting('AddressNotInPool')];
      return String(told) === 'late,strange';
    });
    await client.delete(Services, 'wants', ns);
    await waitFor('handed on', async () => (await waiting('AddressInUse')).length === 0);
    const late = await waitFor('announced', async () => {
      const s = await client.get(Services, 'late', ns);
      return s.metadata.annotations?.['coxswain.dev/announced-by'] ? s : undefined;
    });
    expect(late.status?.loadBalancer?.ingress).toEqual([{ ip: '203.0.113.77', ipMode: 'VIP' }]);
    expect(late.metadata.annotations?.['coxswain.dev/announced-by']).toMatch(/^hollow[12]$/);
  });
});
