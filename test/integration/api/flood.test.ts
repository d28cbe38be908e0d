import { beforeAll, expect, test } from 'vitest';
import { useCluster } from '../../bed/suite.ts';
import { waitFor } from '../../bed/wait.ts';
import { type AskOptions, Wire } from './http.ts';

const cluster = useCluster('integration-flood', {
  apiservers: 1,
  without: ['scheduler', 'controller-manager'],
  flags: { apiserver: ['--max-requests-inflight', '40'] },
});
let wire: Wire;
const MAPS = '/api/v1/namespaces/default/configmaps';
const FLOW = '/apis/flowcontrol.apiserver.k8s.io/v1';
const as = (user: string, ...groups: string[]): AskOptions => ({
  headers: { 'impersonate-user': user, 'impersonate-group': groups, 'content-type': 'application/json' },
});
interface Meta {
  readonly metadata: { readonly uid: string };
}

beforeAll(async () => {
  wire = await Wire.to(cluster());
  const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['*'] }];
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  await wire.ok('POST', `${rbac}/clusterroles`, { metadata: { name: 'maps' }, rules });
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'maps' };
  const subjects = ['flood', 'few'].map((name) => ({ kind: 'User', name, apiGroup: 'rbac.authorization.k8s.io' }));
  await wire.ok('POST', `${rbac}/clusterrolebindings`, { metadata: { name: 'maps' }, roleRef, subjects });
  await waitFor('allowed', async () => (await wire.raw('GET', MAPS, as('few'))).code === 200);
});

const schema = (level: string) => ({
  metadata: { name: 'flood' },
  spec: {
    priorityLevelConfiguration: { name: level },
    matchingPrecedence: 500,
    distinguisherMethod: { type: 'ByUser' },
    rules: [
      {
        subjects: [{ kind: 'User', user: { name: 'flood' } }],
        resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'] }],
      },
    ],
  },
});
const dangling = async (): Promise<string | undefined> => {
  const { status } = await wire.ok<{ status?: { conditions?: { type: string; status: string }[] } }>(
    'GET',
    `${FLOW}/flowschemas/flood`,
  );
  return status?.conditions?.find((c) => c.type === 'Dangling')?.status;
};

test('a flood is turned away with a time to come back; administrators, the system and other users go on', async () => {
  const made = await wire.ok<Meta>('POST', `${FLOW}/flowschemas`, schema('floods'));
  await waitFor('its level is missing', async () => (await dangling()) === 'True');
  const queuing = { queues: 1, handSize: 1, queueLengthLimit: 3 };
  const limited = {
    nominalConcurrencyShares: 5,
    borrowingLimitPercent: 0,
    limitResponse: { type: 'Queue', queuing },
  };
  const level = await wire.ok<Meta>('POST', `${FLOW}/prioritylevelconfigurations`, {
    metadata: { name: 'floods' },
    spec: { type: 'Limited', limited },
  });
  await waitFor('its level is there', async () => (await dangling()) === 'False');
  const belongs = async (user: string) => (await wire.ask('GET', MAPS, as(user))).headers;
  await waitFor('the flood has a flow', async () => {
    return (await belongs('flood'))['x-kubernetes-pf-flowschema-uid'] === made.metadata.uid;
  });
  expect((await belongs('flood'))['x-kubernetes-pf-prioritylevel-uid']).toBe(level.metadata.uid);

  // Each waits three seconds for a version that does not come, and keeps its seat all the while.
  const slow = `${MAPS}?resourceVersion=999999999`;
  const refused: Awaited<ReturnType<typeof wire.ask>>[] = [];
  let watchesRefused = 0;
  const flood = Array.from({ length: 40 }, (_, i) => {
    const watch = i % 2 === 1;
    return wire.ask('GET', watch ? `${slow}&watch=1` : slow, as('flood')).then(
      (a) => {
        if (a.code !== 429) return;
        refused.push(a);
        if (watch) watchesRefused++;
      },
      () => {},
    );
  });
  const lists = () => refused.length - watchesRefused;
  await waitFor('lists and watches turned away', () => lists() > 0 && watchesRefused > 0, { everyMs: 20 });
  const names = Array.from({ length: 5 }, (_, i) => `o${i}`);
  const answers = await Promise.all([
    ...names.map((name) => wire.ask('POST', MAPS, { ...as('few'), body: { metadata: { name } } })),
    wire.ask('GET', '/api/v1/nodes?fieldSelector=metadata.name%3Dn', as('system:node:n', 'system:nodes')),
    wire.ask('GET', MAPS),
  ]);
  expect(answers.map((a) => a.code)).toEqual([201, 201, 201, 201, 201, 200, 200]);
  expect(refused[0]?.headers['retry-after']).toBe('1');
  expect(refused[0]?.headers['x-kubernetes-pf-prioritylevel-uid']).toBe(level.metadata.uid);
  expect(refused[0]?.body).toMatchObject({ reason: 'TooManyRequests' });
  await Promise.all(flood);
  expect(refused.length).toBeLessThan(flood.length);
});

test('what a cluster has from the start is kept, unless somebody has made it his own', async () => {
  const levels = `${FLOW}/prioritylevelconfigurations`;
  const of = async (name: string) =>
    wire.ok<{ spec: { limited?: { nominalConcurrencyShares: number } } }>('GET', `${levels}/${name}`);
  expect((await of('workload-low')).spec.limited?.nominalConcurrencyShares).toBe(100);
  const patch = (name: string, body: object) =>
    wire.ask('PATCH', `${levels}/${name}`, { headers: { 'content-type': 'application/merge-patch+json' }, body });
  const shares = (nominalConcurrencyShares: number) => ({ spec: { limited: { nominalConcurrencyShares } } });
  await patch('system', { metadata: { annotations: { 'apf.kubernetes.io/autoupdate-spec': 'false' } }, ...shares(31) });
  await patch('workload-low', shares(99));
  await wire.ok('DELETE', `${FLOW}/flowschemas/catch-all`);
  const server = cluster().processes.apiserver1;
  await server.restart();
  await waitFor('put right', async () => (await of('workload-low')).spec.limited?.nominalConcurrencyShares === 100);
  expect((await of('system')).spec.limited?.nominalConcurrencyShares).toBe(31);
  await waitFor('made anew', async () => (await wire.raw('GET', `${FLOW}/flowschemas/catch-all`)).code === 200);
});
