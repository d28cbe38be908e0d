import { afterEach, describe, expect, test } from 'vitest';
import {
  ConfigMaps,
  Deployments,
  Namespaces,
  Pods,
  ReplicaSets,
  Secrets,
  ServiceAccounts,
  Services,
} from '#api/kinds/index.ts';
import { isNotFound } from '#api/meta/errors.ts';
import type { OwnerReference } from '#api/meta/objectmeta.ts';
import { waitFor } from '../../bed/wait.ts';
import { deployment, freshNamespace, livePods, rolledOut, setsOf, useWorld } from './world.ts';

const world = useWorld('controllers-lifecycle');
afterEach(async () => {
  world().nodes.policy = {};
  await world().nodes.poke();
});

const exists = async (ask: Promise<unknown>): Promise<boolean> => {
  try {
    await ask;
    return true;
  } catch (e) {
    if (isNotFound(e)) return false;
    throw e;
  }
};
const map = (ns: string, name: string, owners: OwnerReference[] = [], finalizers?: string[]) =>
  world().client.create(ConfigMaps, {
    metadata: { namespace: ns, name, ownerReferences: owners, ...(finalizers ? { finalizers } : {}) },
  });
const hasMap = (ns: string, name: string) => exists(world().client.get(ConfigMaps, name, ns));
type Map = Awaited<ReturnType<typeof map>>;
const ownerOf = (m: Map, more: Partial<OwnerReference> = {}): OwnerReference => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  name: m.metadata.name,
  uid: m.metadata.uid,
  ...more,
});
/** Waits until the garbage collector has certainly judged everything created so far. */
async function collected(ns: string): Promise<void> {
  const marker = await map(ns, `marker-${crypto.randomUUID()}`, [
    { apiVersion: 'v1', kind: 'ConfigMap', name: 'never-was', uid: crypto.randomUUID() },
  ]);
  await waitFor('the marker is collected', async () => !(await hasMap(ns, marker.metadata.name)));
}

describe('namespace', () => {
  test('gets its service account and CA, and both back when they are deleted', async () => {
    const { client } = world();
    const ns = await freshNamespace(client);
    const ca = await waitFor('the CA', () => client.get(ConfigMaps, 'kube-root-ca.crt', ns));
    expect(ca.data?.['ca.crt']).toContain('BEGIN CERTIFICATE');
    await client.delete(ServiceAccounts, 'default', ns);
    await client.delete(ConfigMaps, 'kube-root-ca.crt', ns);
    await waitFor('the account is back', () => exists(client.get(ServiceAccounts, 'default', ns)));
    await waitFor('the CA is back', () => hasMap(ns, 'kube-root-ca.crt'));
    await client.patch(
      ConfigMaps,
      { name: 'kube-root-ca.crt', namespace: ns },
      { type: 'merge', body: { data: { 'ca.crt': 'forged' } } },
    );
    await waitFor(
      'the CA is right',
      async () => (await client.get(ConfigMaps, 'kube-root-ca.crt', ns)).data?.['ca.crt'] !== 'forged',
    );
  });

  test('deleted, it leaves nothing, and soon', async () => {
    const { client, cluster } = world();
    const ns = await freshNamespace(client);
    await client.create(Deployments, deployment(ns, 'web', { replicas: 10 }));
    await client.create(Services, {
      metadata: { namespace: ns, name: 'web' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
    } as never);
    await client.create(Secrets, { metadata: { namespace: ns, name: 's' }, data: {} });
    for (let i = 0; i < 50; i++) await map(ns, `m${i}`);
    await rolledOut(client, ns, 'web');
    const started = performance.now();
    await cluster.kubectlOk(['delete', 'namespace', ns, '--timeout=50s']);
    const took = performance.now() - started;
    console.info(`namespace with 10 pods and 50 maps gone after ${took.toFixed(0)} ms`);
    expect(took).toBeLessThan(45_000);
    const all = 'pods,deployments,replicasets,services,endpoints,endpointslices,configmaps,secrets,serviceaccounts';
    expect(await cluster.kubectlOk(['-n', ns, 'get', all, '--ignore-not-found'])).toBe('');
  });

  test('says who holds it, and goes as soon as that lets go', async () => {
    const { client } = world();
    const ns = await freshNamespace(client);
    await map(ns, 'held', [], ['example.com/holds']);
    await client.delete(Namespaces, ns);
    const conditions = await waitFor('conditions', async () => {
      const found = (await client.get(Namespaces, ns)).status?.conditions ?? [];
      return found.some((c) => c.type === 'NamespaceFinalizersRemaining' && c.status === 'True') ? found : undefined;
    });
    const message = (type: string) => conditions.find((c) => c.type === type)?.message;
    expect(message('NamespaceFinalizersRemaining')).toContain('example.com/holds in 1 resource instances');
    expect(message('NamespaceContentRemaining')).toContain('configmaps');
    const started = performance.now();
    await client.patch(
      ConfigMaps,
      { name: 'held', namespace: ns },
      { type: 'merge', body: { metadata: { finalizers: [] } } },
    );
    await waitFor('gone', async () => !(await exists(client.get(Namespaces, ns))), { everyMs: 10 });
    expect(performance.now() - started).toBeLessThan(30_000);
  });

  test('pods end before the rest goes', async () => {
    const { client, nodes } = world();
    const ns = await freshNamespace(client);
    await client.create(Deployments, deployment(ns, 'web', { replicas: 2 }));
    await rolledOut(client, ns, 'web');
    await map(ns, 'needed');
    nodes.policy = { ends: (p) => p.metadata.namespace !== ns };
    await client.delete(Namespaces, ns);
    await waitFor('pods are ending', async () => (await livePods(client, ns)).length === 0);
    await waitFor('it says so', async () =>
      (await client.get(Namespaces, ns)).status?.conditions?.some((c) => c.message?.includes('pods')),
    );
    expect(await hasMap(ns, 'needed')).toBe(true);
    nodes.policy = {};
    await nodes.poke();
    await waitFor('gone', async () => !(await exists(client.get(Namespaces, ns))));
  });
});

describe('garbage collection', () => {
  test('background: a Deployment goes at once, then its sets and pods', async () => {
    const { client } = world();
    const ns = await freshNamespace(client);
    await client.create(Deployments, deployment(ns, 'web', { replicas: 30 }));
    await rolledOut(client, ns, 'web');
    const started = performance.now();
    await client.delete(Deployments, 'web', ns, { propagationPolicy: 'Background' });
    expect(await exists(client.get(Deployments, 'web', ns))).toBe(false);
    await waitFor('no pods', async () => (await client.list(Pods, { namespace: ns })).items.length === 0);
    console.info(`30 hollow pods collected after ${(performance.now() - started).toFixed(0)} ms`);
    expect(await setsOf(client, ns)).toEqual([]);
  });

  test('foreground: pods, then sets, then the Deployment', async () => {
    const { client, nodes } = world();
    const ns = await freshNamespace(client);
    await client.create(Deployments, deployment(ns, 'web'));
    await rolledOut(client, ns, 'web');
    nodes.policy = { ends: (p) => p.metadata.namespace !== ns };
    await client.delete(Deployments, 'web', ns, { propagationPolicy: 'Foreground' });
    await waitFor('pods are ending', async () => (await livePods(client, ns)).length === 0);
    expect((await client.get(Deployments, 'web', ns)).metadata.finalizers).toContain('foregroundDeletion');
    expect((await setsOf(client, ns))[0]?.metadata.deletionTimestamp).toBeDefined();
    nodes.policy = {};
    await nodes.poke();
    await waitFor('gone', async () => !(await exists(client.get(Deployments, 'web', ns))));
    expect(await setsOf(client, ns)).toEqual([]);
  });

  test('orphan: the dependents stay, without owner, and are adopted by the next one', async () => {
    const { client } = world();
    const ns = await freshNamespace(client);
    await client.create(Deployments, deployment(ns, 'web'));
    await rolledOut(client, ns, 'web');
    const before = (await livePods(client, ns)).map((p) => p.metadata.uid).sort();
    await client.delete(Deployments, 'web', ns, { propagationPolicy: 'Orphan' });
    await waitFor('gone', async () => !(await exists(client.get(Deployments, 'web', ns))));
    await collected(ns);
    expect((await setsOf(client, ns))[0]?.metadata.ownerReferences ?? []).toEqual([]);
    const again = await client.create(Deployments, deployment(ns, 'web'));
    await rolledOut(client, ns, 'web');
    expect((await livePods(client, ns)).map((p) => p.metadata.uid).sort()).toEqual(before);
    expect((await setsOf(client, ns))[0]?.metadata.ownerReferences?.[0]?.uid).toBe(again.metadata.uid);
  });

  test('an owner that never was, or was another of that name: collected', async () => {
    const { client } = world();
    const ns = await freshNamespace(client);
    const owner = await map(ns, 'owner');
    await map(ns, 'child', [ownerOf(owner, { uid: crypto.randomUUID() })]);
    await map(ns, 'true-child', [ownerOf(owner)]);
    await waitFor('collected', async () => !(await hasMap(ns, 'child')));
    await collected(ns);
    expect(await hasMap(ns, 'true-child')).toBe(true);
    await client.delete(ConfigMaps, 'owner', ns);
    await waitFor('collected', async () => !(await hasMap(ns, 'true-child')));
  });

  test('of two owners one is enough; its reference alone remains', async () => {
    const { client } = world();
    const ns = await freshNamespace(client);
    const [a, b] = [await map(ns, 'a'), await map(ns, 'b')];
    await map(ns, 'child', [ownerOf(a), ownerOf(b)]);
    await collected(ns);
    await client.delete(ConfigMaps, 'a', ns);
    await waitFor('the reference is gone', async () => {
      const refs = (await client.get(ConfigMaps, 'child', ns)).metadata.ownerReferences;
      return refs?.length === 1 && refs[0]?.uid === b.metadata.uid;
    });
    await client.delete(ConfigMaps, 'b', ns);
    await waitFor('collected', async () => !(await hasMap(ns, 'child')));
  });

  test('a reference into another namespace harms nobody but its bearer', async () => {
    const { client, cluster } = world();
    const ns = await freshNamespace(client);
    const other = await freshNamespace(client);
    const owner = await map(ns, 'owner');
    await map(ns, 'child', [ownerOf(owner)]);
    await map(other, 'stranger', [ownerOf(owner)]);
    await waitFor('the stranger is collected', async () => !(await hasMap(other, 'stranger')));
    await collected(ns);
    expect([await hasMap(ns, 'owner'), await hasMap(ns, 'child')]).toEqual([true, true]);
    await waitFor('it is told', async () =>
      (await cluster.kubectlOk(['-n', other, 'get', 'events'])).includes('OwnerRefInvalidNamespace'),
    );
  });

  test('owners of a kind nobody knows, or of another kind than said, are no reason to delete', async () => {
    const { client } = world();
    const ns = await freshNamespace(client);
    const owner = await map(ns, 'owner');
    await map(ns, 'unknown', [ownerOf(owner, { apiVersion: 'example.com/v1', kind: 'Widget' })]);
    await map(ns, 'mistaken', [ownerOf(owner, { kind: 'Secret' })]);
    await collected(ns);
    expect([await hasMap(ns, 'unknown'), await hasMap(ns, 'mistaken')]).toEqual([true, true]);
    expect(await exists(client.get(ReplicaSets, 'x', ns))).toBe(false);
  });

  test('two that own each other can be deleted in the foreground', async () => {
    const { client } = world();
    const ns = await freshNamespace(client);
    const a = await map(ns, 'a');
    const b = await map(ns, 'b', [ownerOf(a, { blockOwnerDeletion: true })]);
    await client.patch(
      ConfigMaps,
      { name: 'a', namespace: ns },
      { type: 'merge', body: { metadata: { ownerReferences: [ownerOf(b, { blockOwnerDeletion: true })] } } },
    );
    await client.delete(ConfigMaps, 'a', ns, { propagationPolicy: 'Foreground' });
    await waitFor('both gone', async () => !(await hasMap(ns, 'a')) && !(await hasMap(ns, 'b')));
  });
});
