import { afterEach, describe, expect, test } from 'vitest';
import {
  Deployments,
  Events,
  Pods,
  ReplicaSets,
  type ReplicationController,
  ReplicationControllers,
  ServiceAccounts,
} from '#api/kinds/index.ts';
import { waitFor } from '../../bed/wait.ts';
import {
  deployment,
  freshNamespace,
  isReady,
  known,
  livePods,
  podTemplate,
  replicaSet,
  rolledOut,
  setsOf,
  useWorld,
} from './world.ts';

const world = useWorld('controllers-workloads');
afterEach(async () => {
  world().nodes.policy = {};
  await world().nodes.poke();
});

const patch = (namespace: string, name: string, body: unknown) =>
  world().client.patch(Deployments, { name, namespace }, { type: 'strategic', body });
const image = (i: string) => ({ spec: { template: { spec: { containers: [{ name: 'main', image: i }] } } } });
const conditionOf = async (namespace: string, name: string, type: string) =>
  (await world().client.get(Deployments, name, namespace)).status?.conditions?.find((c) => c.type === type);

describe('ReplicaSet', () => {
  const status = async (ns: string, name: string) => (await world().client.get(ReplicaSets, name, ns)).status;

  test('makes its pods, replaces a deleted one, scales, and says so', async () => {
    const { client } = world();
    const ns = await freshNamespace(client);
    await client.create(ReplicaSets, replicaSet(ns, 'web', 5));
    await waitFor('5 ready', async () => (await status(ns, 'web'))?.readyReplicas === 5);
    const [victim] = await livePods(client, ns);
    await client.delete(Pods, victim?.metadata.name ?? '', ns);
    await waitFor('a replacement', async () => {
      const pods = await livePods(client, ns);
      return pods.length === 5 && pods.every((p) => isReady(p) && p.metadata.uid !== victim?.metadata.uid);
    });
    await client.patch(ReplicaSets, { name: 'web', namespace: ns }, { type: 'merge', body: { spec: { replicas: 2 } } });
    await waitFor('2 pods', async () => (await livePods(client, ns)).length === 2);
    await waitFor('status', async () => (await status(ns, 'web'))?.availableReplicas === 2);
    await waitFor('events', async () => {
      const found = new Set((await client.list(Events, { namespace: ns })).items.map((e) => e.reason));
      return found.has('SuccessfulDelete') && found.has('SuccessfulCreate');
    });
  });

  test('that may not make its pods says why once, and tries again ever more slowly', async () => {
    const { client } = world();
    const ns = await freshNamespace(client);
    const set = replicaSet(ns, 'refused', 3);
    if (set.spec?.template?.spec) set.spec.template.spec.serviceAccountName = 'nobody';
    await client.create(ReplicaSets, set);
    const refusals = async (): Promise<number> => {
      const events = (await client.list(Events, { namespace: ns })).items.filter((e) => e.reason === 'FailedCreate');
      return events.reduce((sum, e) => sum + (e.count ?? 1), 0);
    };
    const first = await waitFor('the condition', async () => {
      const found = await client.get(ReplicaSets, 'refused', ns);
      return found.status?.conditions?.some((c) => c.type === 'ReplicaFailure') ? found : undefined;
    });
    expect(first.status?.conditions?.[0]?.message).toMatch(/serviceaccount "nobody" not found/);
    await waitFor('further tries', async () => (await refusals()) >= 6);
    // Each try is reported; none of them changes the set.
    expect((await client.get(ReplicaSets, 'refused', ns)).metadata.resourceVersion).toBe(
      first.metadata.resourceVersion,
    );
    await client.create(ServiceAccounts, { metadata: { name: 'nobody', namespace: ns } });
    await waitFor('3 ready', async () => (await status(ns, 'refused'))?.readyReplicas === 3, { timeoutMs: 60_000 });
    expect((await status(ns, 'refused'))?.conditions).toBeUndefined();
  });

  test('adopts a matching orphan in place of a new pod, and lets go of a pod whose labels change', async () => {
    const { client } = world();
    const ns = await freshNamespace(client);
    const orphan = await client.create(Pods, {
      ...podTemplate({ app: 'web' }),
      metadata: { namespace: ns, name: 'orphan', labels: { app: 'web' } },
    } as never);
    await known(client, orphan);
    await client.create(ReplicaSets, replicaSet(ns, 'web', 2));
    await waitFor('2 ready', async () => (await status(ns, 'web'))?.readyReplicas === 2);
    const pods = await livePods(client, ns);
    expect(pods).toHaveLength(2);
    const adopted = pods.find((p) => p.metadata.uid === orphan.metadata.uid);
    expect(adopted?.metadata.ownerReferences?.[0]).toMatchObject({ kind: 'ReplicaSet', name: 'web', controller: true });

    await client.patch(
      Pods,
      { name: 'orphan', namespace: ns },
      { type: 'merge', body: { metadata: { labels: { app: 'debug' } } } },
    );
    await waitFor('released and replaced', async () => {
      const all = await livePods(client, ns);
      const freed = all.find((p) => p.metadata.name === 'orphan');
      return all.length === 3 && (freed?.metadata.ownerReferences ?? []).length === 0;
    });
  });

  test('two sets with one selector do not fight over pods', async () => {
    const { client } = world();
    const ns = await freshNamespace(client);
    const second = replicaSet(ns, 'b', 3);
    Object.assign(second.spec ?? {}, { selector: { matchLabels: { app: 'a' } }, template: podTemplate({ app: 'a' }) });
    await client.create(ReplicaSets, replicaSet(ns, 'a', 3));
    await client.create(ReplicaSets, second);
    for (const name of ['a', 'b'])
      await waitFor(`${name} ready`, async () => (await status(ns, name))?.readyReplicas === 3);
    expect(await livePods(client, ns)).toHaveLength(6);
  });

  test('scaling down keeps the ready pods', async () => {
    const { client, nodes } = world();
    const ns = await freshNamespace(client);
    const sick = new Set<string>();
    nodes.policy = { ready: (p) => !sick.has(p.metadata.uid) };
    await client.create(ReplicaSets, replicaSet(ns, 'web', 4));
    await waitFor('4 ready', async () => (await status(ns, 'web'))?.readyReplicas === 4);
    for (const p of (await livePods(client, ns)).slice(0, 2)) sick.add(p.metadata.uid);
    await nodes.poke();
    await waitFor('2 ready', async () => (await status(ns, 'web'))?.readyReplicas === 2);
    await client.patch(ReplicaSets, { name: 'web', namespace: ns }, { type: 'merge', body: { spec: { replicas: 2 } } });
    await waitFor('2 left', async () => (await livePods(client, ns)).length === 2);
    expect((await livePods(client, ns)).filter((p) => sick.has(p.metadata.uid))).toEqual([]);
  });
});

describe('ReplicationController', () => {
  test('keeps its pods by plain labels, adopts one, scales, and reports', async () => {
    const { client } = world();
    const ns = await freshNamespace(client);
    const orphan = {
      ...podTemplate({ app: 'rc' }),
      metadata: { namespace: ns, name: 'orphan', labels: { app: 'rc' } },
    };
    await known(client, await client.create(Pods, orphan as never));
    await client.create(ReplicationControllers, {
      metadata: { namespace: ns, name: 'rc' },
      spec: { replicas: 3, selector: { app: 'rc' }, template: podTemplate({ app: 'rc' }) },
    } as ReplicationController);
    const ready = (n: number) => async () => {
      const { status, metadata } = await client.get(ReplicationControllers, 'rc', ns);
      return status?.availableReplicas === n && status.observedGeneration === metadata.generation;
    };
    await waitFor('3 available', ready(3));
    const pods = await livePods(client, ns);
    expect(pods.map((p) => p.metadata.ownerReferences?.[0]?.kind)).toEqual(new Array(3).fill('ReplicationController'));
    expect(pods.some((p) => p.metadata.name === 'orphan')).toBe(true);
    const target = { name: 'rc', namespace: ns };
    await client.patch(ReplicationControllers, target, { type: 'merge', body: { spec: { replicas: 1 } } });
    await waitFor('1 available', ready(1));
    await waitFor('1 left', async () => (await livePods(client, ns)).length === 1);
  });
});

describe('Deployment', () => {
  test('30 replicas become ready fast; status, revision and hash are complete', async () => {
    const { client } = world();
    const ns = await freshNamespace(client);
    const started = Date.now();
    await client.create(Deployments, deployment(ns, 'web', { replicas: 30 }));
    const d = await rolledOut(client, ns, 'web');
    console.info(`30 hollow replicas after ${Date.now() - started} ms`);
    expect(d.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('1');
    // What its controller notes on it is not a change of what is wanted.
    expect(d.metadata.generation).toBe(1);
    expect(d.status).toMatchObject({ replicas: 30, updatedReplicas: 30, readyReplicas: 30, availableReplicas: 30 });
    const [rs] = await setsOf(client, ns);
    const hash = rs?.metadata.labels?.['pod-template-hash'];
    expect(rs?.metadata.name).toBe(`web-${hash}`);
    expect((await livePods(client, ns)).every((p) => p.metadata.labels?.['pod-template-hash'] === hash)).toBe(true);
    const progressing = await waitFor('complete', async () => {
      const c = await conditionOf(ns, 'web', 'Progressing');
      return c?.reason === 'NewReplicaSetAvailable' ? c : undefined;
    });
    expect(progressing.status).toBe('True');
  });

  test('a rolling update keeps within its limits; undo goes back and counts on', async () => {
    const { client, cluster } = world();
    const ns = await freshNamespace(client);
    const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } };
    await client.create(Deployments, deployment(ns, 'web', { replicas: 4, strategy }));
    await rolledOut(client, ns, 'web');
    const watching = new AbortController();
    const worst = { most: 0, fewest: 99 };
    const watched = (async () => {
      while (!watching.signal.aborted) {
        const pods = await livePods(client, ns);
        worst.most = Math.max(worst.most, pods.length);
        worst.fewest = Math.min(worst.fewest, pods.filter(isReady).length);
      }
    })();
    await patch(ns, 'web', image('img:2'));
    await rolledOut(client, ns, 'web');
    await cluster.kubectlOk(['-n', ns, 'rollout', 'undo', 'deployment/web']);
    const d = await rolledOut(client, ns, 'web');
    watching.abort();
    await watched;
    expect(worst).toEqual({ most: 5, fewest: 4 });
    expect((await livePods(client, ns)).every((p) => p.spec?.containers?.[0]?.image === 'img:1')).toBe(true);
    await waitFor(
      'revision 3',
      async () =>
        (await client.get(Deployments, 'web', ns)).metadata.annotations?.['deployment.kubernetes.io/revision'] === '3',
    );
    expect(d.spec?.replicas).toBe(4);
    const sets = await setsOf(client, ns);
    const back = sets.find((rs) => rs.spec?.replicas === 4);
    expect(sets).toHaveLength(2);
    expect(back?.metadata.annotations).toMatchObject({
      'deployment.kubernetes.io/revision': '3',
      'deployment.kubernetes.io/revision-history': '1',
    });
    expect(await cluster.kubectlOk(['-n', ns, 'rollout', 'history', 'deployment/web'])).toMatch(/\n2 .*\n3 /);
  });

  test('a stuck rollout is reported; undo ends it and `rollout status` succeeds at once', async () => {
    const { client, cluster, nodes } = world();
    const ns = await freshNamespace(client);
    nodes.policy = { ready: (p) => p.spec?.containers?.[0]?.image !== 'bad' };
    await client.create(Deployments, deployment(ns, 'web', { progressDeadlineSeconds: 2 }));
    await rolledOut(client, ns, 'web');
    await patch(ns, 'web', image('bad'));
    await waitFor(
      'late',
      async () => (await conditionOf(ns, 'web', 'Progressing'))?.reason === 'ProgressDeadlineExceeded',
    );
    const status = await cluster.kubectl(['-n', ns, 'rollout', 'status', 'deployment/web', '--timeout=50s']);
    expect([status.code, status.stderr]).toEqual([1, expect.stringContaining('exceeded its progress deadline')]);
    expect((await livePods(client, ns)).filter(isReady).length).toBe(3);
    // A slow machine may not take the old one back in two seconds. That does not forgive the rollout that is late.
    await patch(ns, 'web', { spec: { progressDeadlineSeconds: 600 } });
    await waitFor('seen', async () => {
      const { metadata, status: s } = await world().client.get(Deployments, 'web', ns);
      return s?.observedGeneration === metadata.generation;
    });
    expect((await conditionOf(ns, 'web', 'Progressing'))?.reason).toBe('ProgressDeadlineExceeded');
    await cluster.kubectlOk(['-n', ns, 'rollout', 'undo', 'deployment/web']);
    await cluster.kubectlOk(['-n', ns, 'rollout', 'status', 'deployment/web', '--timeout=50s']);
  });

  test('Recreate: nothing new before everything old is gone, on updates and rollbacks', async () => {
    const { client, cluster, nodes } = world();
    const ns = await freshNamespace(client);
    let release = false;
    await client.create(Deployments, deployment(ns, 'web', { strategy: { type: 'Recreate' } }));
    await rolledOut(client, ns, 'web');
    const images = async () =>
      new Set((await client.list(Pods, { namespace: ns })).items.map((p) => p.spec?.containers?.[0]?.image));
    for (const [change, old, next] of [
      [() => patch(ns, 'web', image('img:2')), 'img:1', 'img:2'],
      [() => cluster.kubectlOk(['-n', ns, 'rollout', 'undo', 'deployment/web']), 'img:2', 'img:1'],
    ] as const) {
      release = false;
      let held: string | undefined;
      nodes.policy = {
        ends: (p) => {
          // Pods of an earlier test may be ending still.
          if (p.metadata.namespace !== ns) return true;
          held ??= p.metadata.uid;
          return release || p.metadata.uid !== held;
        },
      };
      await change();
      await waitFor('one old pod lingers', async () => (await client.list(Pods, { namespace: ns })).items.length === 1);
      expect([...(await images())]).toEqual([old]);
      release = true;
      await nodes.poke();
      await rolledOut(client, ns, 'web');
      expect([...(await images())]).toEqual([next]);
    }
  });

  test('paused: a change waits, scaling does not; resumed, it is rolled out', async () => {
    const { client, cluster } = world();
    const ns = await freshNamespace(client);
    await client.create(Deployments, deployment(ns, 'web'));
    await rolledOut(client, ns, 'web');
    await cluster.kubectlOk(['-n', ns, 'rollout', 'pause', 'deployment/web']);
    await waitFor('paused', async () => (await conditionOf(ns, 'web', 'Progressing'))?.reason === 'DeploymentPaused');
    await patch(ns, 'web', { spec: { ...image('img:2').spec, replicas: 5 } });
    await waitFor('5 pods', async () => (await livePods(client, ns)).length === 5);
    expect(await setsOf(client, ns)).toHaveLength(1);
    await cluster.kubectlOk(['-n', ns, 'rollout', 'resume', 'deployment/web']);
    await rolledOut(client, ns, 'web');
    expect((await livePods(client, ns)).every((p) => p.spec?.containers?.[0]?.image === 'img:2')).toBe(true);
  });

  test('scaled in the middle of a rollout, both revisions grow in proportion', async () => {
    const { client, nodes } = world();
    const ns = await freshNamespace(client);
    nodes.policy = { ready: (p) => p.spec?.containers?.[0]?.image !== 'slow' };
    const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } };
    await client.create(Deployments, deployment(ns, 'web', { replicas: 10, strategy }));
    await rolledOut(client, ns, 'web');
    await patch(ns, 'web', image('slow'));
    const sizes = async () => (await setsOf(client, ns)).map((rs) => rs.spec?.replicas ?? 0).sort((a, b) => a - b);
    await waitFor('stuck at 5 and 8', async () => (await sizes()).join() === '5,8');
    await patch(ns, 'web', { spec: { replicas: 15 } });
    await waitFor('7 and 11', async () => (await sizes()).join() === '7,11');
    nodes.policy = {};
    await nodes.poke();
    await rolledOut(client, ns, 'web');
  });

  test('history is kept to its limit', async () => {
    const { client } = world();
    const ns = await freshNamespace(client);
    await client.create(Deployments, deployment(ns, 'web', { replicas: 1, revisionHistoryLimit: 1 }));
    await rolledOut(client, ns, 'web');
    for (const i of [2, 3, 4]) {
      await patch(ns, 'web', image(`img:${i}`));
      await rolledOut(client, ns, 'web');
    }
    await waitFor('two sets', async () => (await setsOf(client, ns)).length === 2);
    const revisions = (await setsOf(client, ns)).map(
      (rs) => rs.metadata.annotations?.['deployment.kubernetes.io/revision'],
    );
    expect(revisions.sort()).toEqual(['3', '4']);
  });

  test('a name that is taken leads to another hash', async () => {
    const { client } = world();
    const ns = await freshNamespace(client);
    const probe = await client.create(Deployments, deployment(ns, 'web', { replicas: 1 }));
    await rolledOut(client, ns, 'web');
    const taken = (await setsOf(client, ns))[0]?.metadata.name ?? '';
    await client.delete(Deployments, 'web', ns, { preconditions: { uid: probe.metadata.uid } });
    await waitFor('gone', async () => (await setsOf(client, ns)).length === 0);
    const squatter = replicaSet(ns, taken, 0);
    await client.create(ReplicaSets, squatter);
    await client.create(Deployments, deployment(ns, 'web', { replicas: 1 }));
    const d = await rolledOut(client, ns, 'web');
    expect(d.status?.collisionCount).toBe(1);
  });

  test('is quiet when there is nothing to do', async () => {
    const { client } = world();
    const ns = await freshNamespace(client);
    await client.create(Deployments, deployment(ns, 'web'));
    await rolledOut(client, ns, 'web');
    const versions = async () => {
      const [rs] = await setsOf(client, ns);
      const d = await client.get(Deployments, 'web', ns);
      return `${d.metadata.resourceVersion}/${rs?.metadata.resourceVersion}`;
    };
    let last = '';
    let same = 0;
    // A controller that rewrites what is already so would change a version within these looks.
    await waitFor(
      '20 looks without a write',
      async () => {
        const now = await versions();
        same = now === last ? same + 1 : 0;
        last = now;
        return same === 20;
      },
      { everyMs: 50 },
    );
  });
});
