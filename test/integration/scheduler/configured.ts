import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { Bindings, Events, Pods } from '#api/kinds/index.ts';
import { waitFor } from '../../bed/wait.ts';
import { ExtenderServer } from './extender-server.ts';
import type { HollowCluster } from './hollow-cluster.ts';

const ZONE = 'topology.kubernetes.io/zone';
const HOST = 'kubernetes.io/hostname';
const MANAGED = 'example.org/managed';
const STRICT = 'example.org/strict';

const profiles = [
  { schedulerName: 'default-scheduler' },
  {
    schedulerName: 'packing',
    plugins: { score: { disabled: [{ name: '*' }], enabled: [{ name: 'NodeResourcesFit', weight: 2 }] } },
    pluginConfig: [{ name: 'NodeResourcesFit', args: { scoringStrategy: { type: 'MostAllocated' } } }],
  },
  {
    schedulerName: 'zone-2',
    pluginConfig: [
      {
        name: 'NodeAffinity',
        args: {
          addedAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchExpressions: [{ key: ZONE, operator: 'In', values: ['2'] }] }],
            },
          },
        },
      },
    ],
  },
  { schedulerName: 'peaceful', plugins: { postFilter: { disabled: [{ name: '*' }] } } },
];

/** A configuration file, and the server of the extenders it names. Gone after the tests. */
export async function configuration(): Promise<{ file: string; server: ExtenderServer }> {
  const server = await ExtenderServer.start();
  const folder = mkdtempSync(join(tmpdir(), 'scheduler-'));
  const file = join(folder, 'config.yaml');
  const only = (name: string) => ({ managedResources: [{ name, ignoredByScheduler: true }], nodeCacheCapable: true });
  const extenders = [
    { urlPrefix: `${server.url}/down`, filterVerb: 'filter', ignorable: true, ...only(MANAGED) },
    { urlPrefix: `${server.url}/main`, filterVerb: 'filter', bindVerb: 'bind', ...only(MANAGED) },
    { urlPrefix: `${server.url}/strict`, filterVerb: 'filter', ...only(STRICT) },
  ];
  const content = {
    apiVersion: 'kubescheduler.config.k8s.io/v1',
    kind: 'KubeSchedulerConfiguration',
    ...{ podMaxBackoffSeconds: 2, profiles, extenders },
  };
  writeFileSync(file, JSON.stringify(content));
  afterAll(() => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { file, server };
}

const named = (schedulerName: string, more: object = {}) => ({ spec: { schedulerName, ...more } });
const wanting = (resource: string) => ({
  spec: { containers: [{ name: 'main', image: 'img:1', resources: { limits: { [resource]: '1' } } }] },
});

/** Tests of a scheduler with that configuration and the nodes a, b (zone 1) and c (zone 2). */
export function configuredTests(world: () => HollowCluster, server: ExtenderServer): void {
  describe('profiles', () => {
    test('a pod of another scheduler is left alone', async () => {
      const c = world();
      const ns = await c.namespace();
      await c.addPod(ns, 'theirs', named('somebody-else'));
      await c.addPod(ns, 'ours');
      await c.bound(ns, 'ours');
      const { spec, status } = await c.get(ns, 'theirs');
      expect([spec?.nodeName, status?.conditions]).toEqual([undefined, undefined]);
      expect(await c.events(ns, 'theirs', 'FailedScheduling')).toEqual([]);
      await c.clear(ns);
    });

    test('one that packs, one with an affinity of its own, one that does not preempt', async () => {
      const c = world();
      const ns = await c.namespace();
      await c.addPod(ns, 'seed', { cpu: '2', spec: { nodeSelector: { [HOST]: 'b' } } });
      await c.bound(ns, 'seed');
      for (const p of ['p1', 'p2']) await c.addPod(ns, p, named('packing'));
      expect(await Promise.all(['p1', 'p2'].map((p) => c.bound(ns, p)))).toEqual(['b', 'b']);
      await c.addPod(ns, 'z', named('zone-2'));
      expect(await c.bound(ns, 'z')).toBe('c');
      await c.addPod(ns, 'nowhere', named('zone-2', { nodeSelector: { [ZONE]: '1' } }));
      expect(await c.refused(ns, 'nowhere')).toMatch(
        /^0\/3 nodes are available: 1 node\(s\) didn't match Pod's node affinity\/selector, 2 node\(s\) didn't match scheduler-enforced node affinity\./,
      );
      await c.addPod(ns, 'large', { ...named('peaceful'), cpu: '5' });
      expect(await c.refused(ns, 'large')).toBe('0/3 nodes are available: 3 Insufficient cpu.');
      const [event] = await waitFor('the event', async () => {
        const { items } = await c.client.list(Events, { namespace: ns });
        const found = items.filter((e) => e.involvedObject.name === 'large');
        return found.length > 0 ? found : undefined;
      });
      expect(event?.source?.component).toBe('peaceful');
      await c.clear(ns);
    });
  });

  describe('extenders', () => {
    test('one filters and binds; one that is down is ignored', async () => {
      const c = world();
      const ns = await c.namespace();
      server.on('/main/filter', () => ({ NodeNames: [], FailedNodes: { a: 'no room here', b: 'no room here' } }));
      await c.addPod(ns, 'p', wanting(MANAGED));
      expect(await c.refused(ns, 'p')).toContain('2 no room here');
      server.on('/main/filter', () => ({ NodeNames: ['b'] }));
      server.on('/main/bind', async ({ PodName, PodNamespace, PodUID, Node }) => {
        const [name, namespace] = [String(PodName), String(PodNamespace)];
        const body = {
          apiVersion: 'v1',
          kind: Bindings.kind,
          metadata: { name, namespace, uid: String(PodUID) },
          target: { kind: 'Node', name: String(Node) },
        };
        await c.client.createSubresource(Pods as never, { name, namespace, subresource: 'binding' }, body);
        return {};
      });
      // Any event may change an extender's mind.
      await c.client.patch(
        Pods,
        { name: 'p', namespace: ns },
        { type: 'merge', body: { metadata: { labels: { x: '1' } } } },
      );
      expect(await c.bound(ns, 'p')).toBe('b');
      const paths = server.asked.map((a) => a.path);
      expect(paths).toContain('/down/filter');
      expect(paths).toContain('/main/bind');
      await c.clear(ns);
    });

    test('a pod waits for one that it cannot do without, and nobody asks about other pods', async () => {
      const c = world();
      const ns = await c.namespace();
      await c.addPod(ns, 'p', wanting(STRICT));
      const message = await waitFor('it is said why', async () => {
        const { status } = await c.get(ns, 'p');
        const said = status?.conditions?.find((x) => x.reason === 'SchedulerError')?.message;
        // On a busy machine it may be asked too late at first.
        return said?.includes('answered') && said;
      });
      expect(message).toBe(
        `extender "${server.url}/strict" failed to filter: it answered 500: {"Error":"nobody answers /strict/filter"}`,
      );
      await c.addPod(ns, 'other');
      await c.bound(ns, 'other');
      server.on('/strict/filter', ({ NodeNames }) => ({ NodeNames }));
      await c.bound(ns, 'p');
      const pods = server.asked.map((a) => (a.body.Pod as { metadata: { name: string } } | undefined)?.metadata.name);
      expect(pods).not.toContain('other');
      await c.clear(ns);
    });
  });
}
