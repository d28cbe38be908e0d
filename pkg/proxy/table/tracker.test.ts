import { expect, test } from 'vitest';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { FakeCaches } from '#client/fake-caches.ts';
import { ServiceTracker } from './tracker.ts';

const object = (name: string, more: object): Stored<KubeObject> =>
  ({ metadata: { name, uid: name, resourceVersion: '1' }, ...more }) as Stored<KubeObject>;
const node = (...addresses: string[]): Stored<KubeObject> =>
  object('n1', { status: { addresses: addresses.map((address) => ({ type: 'InternalIP', address })) } });

test('a load balancer is open to this node by the address that the node has by now', () => {
  const caches = new FakeCaches();
  let changes = 0;
  const tracker = new ServiceTracker(caches.factory, 'n1', () => changes++);
  const spec = {
    ...{ type: 'LoadBalancer', clusterIP: '10.96.0.7', clusterIPs: ['10.96.0.7', 'fd00:96::7'] },
    ...{ loadBalancerSourceRanges: ['192.0.2.0/24', 'fd00::/64'], ports: [{ name: 'http', port: 80 }] },
  };
  const service = (name: string, more: object): void => {
    const { metadata, ...rest } = object(name, { spec: { ...spec, ...more }, status: {} });
    caches.set('Service', { ...rest, metadata: { ...metadata, namespace: 'ns' } });
  };
  service('web', {});
  service('z-open', { clusterIP: '10.96.0.8', clusterIPs: ['10.96.0.8'], loadBalancerSourceRanges: [] });
  const unlimited = () => tracker.tables().families.IPv4.ports[1];
  const row = unlimited();
  const open = (): (boolean | undefined)[] => {
    const { IPv4, IPv6 } = tracker.tables().families;
    return [IPv4, IPv6].map((t) => t.ports[0]?.openToNode);
  };
  expect(open()).toEqual([false, false]);
  caches.set('Node', node('FD00::7', '192.0.2.7'));
  expect([open(), tracker.nodeIp('IPv6')]).toEqual([[true, true], 'fd00::7']);
  // What has not changed stays the same object: backends render it no more.
  expect([row?.id, unlimited() === row]).toEqual(['ns/z-open:http', true]);
  const before = changes;
  caches.set('Node', node('FD00::7', '192.0.2.7'));
  expect(changes).toBe(before);
  caches.set('Node', node('198.51.100.7'));
  expect([open(), tracker.nodeIp('IPv4')]).toEqual([[false, false], '198.51.100.7']);
});

test.each<[string, object, boolean]>([
  ['is as usual', {}, true],
  ['has taints of other kinds', { spec: { taints: [{ key: 'node.kubernetes.io/unschedulable' }] } }, true],
  ['is about to be removed', { spec: { taints: [{ key: 'ToBeDeletedByClusterAutoscaler' }] } }, false],
  ['is being deleted', { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }, false],
])('a node that %s: whether load balancers may use it', (_, { metadata, ...more }: { metadata?: object }, eligible) => {
  const caches = new FakeCaches();
  const tracker = new ServiceTracker(caches.factory, 'n1', () => {});
  expect(tracker.nodeEligible).toBe(true);
  const { metadata: own, ...rest } = object('n1', more);
  caches.set('Node', { ...rest, metadata: { ...own, ...metadata } });
  expect(tracker.nodeEligible).toBe(eligible);
});

test('a Service that is left to another proxy has no rules here, and gets them when it is not any more', () => {
  const caches = new FakeCaches();
  const tracker = new ServiceTracker(caches.factory, 'n1', () => {});
  const labelled = (labels: Readonly<Record<string, string>>): void => {
    const metadata = { name: 'web', namespace: 'ns', uid: 'web', resourceVersion: '1', labels };
    const spec = { type: 'ClusterIP', clusterIP: '10.96.0.7', ports: [{ name: 'http', port: 80 }] };
    caches.set('Service', { metadata, spec } as unknown as Stored<KubeObject>);
  };
  const rows = (): string[] => tracker.tables().families.IPv4.ports.map((s) => s.id);
  labelled({ 'service.kubernetes.io/service-proxy-name': 'mine' });
  expect(rows()).toEqual([]);
  labelled({});
  expect(rows()).toEqual(['ns/web:http']);
  labelled({ 'service.kubernetes.io/service-proxy-name': '' });
  expect(rows()).toEqual([]);
});
