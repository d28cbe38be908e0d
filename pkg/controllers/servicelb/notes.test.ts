import { describe, expect, test } from 'vitest';
import type { Service } from '#api/kinds/index.ts';
import { FakeCaches } from '#client/fake-caches.ts';
import { fakeDeps, fakeEvents } from '../fake-deps.ts';
import { serviceLoadBalancer } from './controller.ts';
import { notesOn, notesOnSpec } from './notes.ts';

const [A, B] = [['192.0.2.1'], ['192.0.2.1', '192.0.2.2']];
const problem = { reason: 'PortInUse', message: 'port 80 is taken' };

describe('of addresses it is told', () => {
  test.each([
    ['that they come', { had: [], has: A }, ['EnsuringLoadBalancer'], ['EnsuredLoadBalancer']],
    ['that there are other nodes', { had: A, has: B }, [], ['UpdatedLoadBalancer']],
    [
      'that a pool gave another',
      { had: A, has: B, isOfNodes: false },
      ['EnsuringLoadBalancer'],
      ['EnsuredLoadBalancer'],
    ],
    ['that nobody wants them', { had: A, has: [], isWanted: false }, ['DeletingLoadBalancer'], ['DeletedLoadBalancer']],
    ['that there are no nodes', { had: A, has: [] }, [], ['UnAvailableLoadBalancer']],
    ['nothing where there were none', { had: [], has: [] }, [], []],
    ['why there are none', { had: A, has: [], problem }, [], ['SyncLoadBalancerFailed']],
  ])('%s', (_what, change, before, after) => {
    const notes = notesOn({ isWanted: true, isOfNodes: true, ...change });
    expect([notes.before.map((n) => n[1]), notes.after.map((n) => n[1])]).toEqual([before, after]);
  });
});

test.each([
  [
    { type: 'ClusterIP' },
    { type: 'LoadBalancer', externalTrafficPolicy: 'Local' },
    ['Type: ClusterIP -> LoadBalancer'],
  ],
  [
    { loadBalancerSourceRanges: ['10.0.0.0/8'] },
    { loadBalancerSourceRanges: ['10.0.0.0/8', '192.0.2.0/24'], loadBalancerIP: '192.0.2.7' },
    ['LoadBalancerSourceRanges: [10.0.0.0/8] -> [10.0.0.0/8 192.0.2.0/24]', 'LoadbalancerIP:  -> 192.0.2.7'],
  ],
  [
    { externalTrafficPolicy: 'Cluster' },
    { externalTrafficPolicy: 'Local' },
    ['ExternalTrafficPolicy: Cluster -> Local'],
  ],
  [{ type: 'LoadBalancer' }, { type: 'LoadBalancer', ports: [] }, []],
])('%j to %j is told', (old, now, told) => {
  const notes = notesOnSpec({ spec: old } as Service, { spec: now } as Service);
  expect(notes.map(([, reason, message]) => `${reason}: ${message}`)).toEqual(told);
});

test('from the first address to the service’s end all of it is told once', async () => {
  const told: string[] = [];
  const caches = new FakeCaches();
  let version = 1;
  const META = { namespace: 'ns', creationTimestamp: '2026-01-01T00:00:00Z' };
  const set = <T extends { metadata: object }>(kind: string, o: T): T => {
    const stored = { ...o, metadata: { ...META, ...o.metadata, resourceVersion: String(++version) } };
    caches.set(kind, stored as never);
    return stored;
  };
  let service = { metadata: { name: 's', uid: 's' }, spec: { type: 'LoadBalancer' }, status: {} };
  const updateStatus = async (_kind: object, o: typeof service) => {
    service = set('Service', o);
    return service;
  };
  const controller = serviceLoadBalancer({ ...fakeDeps(caches, { updateStatus }), events: fakeEvents(told) }, []);
  for (const watch of controller.watches) watch.attach(fakeDeps(caches, {}).informers, () => {});
  const look = () => controller.reconcile('ns/s', new AbortController().signal);
  const node = (i: number): void => {
    const status = {
      conditions: [{ type: 'Ready', status: 'True' }],
      addresses: [{ type: 'InternalIP', address: `192.0.2.${i}` }],
    };
    set('Node', { metadata: { namespace: undefined, name: `n${i}`, uid: `n${i}` }, status });
  };
  service = set('Service', { ...service, spec: { type: 'LoadBalancer', ports: [{ port: 80 }], ipFamilies: ['IPv4'] } });
  node(1);
  await look();
  node(2);
  await look();
  service = set('Service', { ...service, spec: { ...service.spec, type: 'ClusterIP' } });
  await look();
  await look();
  service = set('Service', { ...service, spec: { ...service.spec, type: 'LoadBalancer' } });
  await look();
  caches.remove('Service', service as never);
  await look();
  const ensured = ['Ensuring', 'Ensured'].map((what) => `${what}LoadBalancer`);
  const deleted = ['Deleting', 'Deleted'].map((what) => `${what}LoadBalancer`);
  expect(told.map((t) => t.split(' ')[2]?.replace(':', ''))).toEqual(
    [ensured, 'UpdatedLoadBalancer', 'Type', deleted, 'Type', ensured, deleted].flat(),
  );
});
