import { describe, expect, test } from 'vitest';
import { type Job, Jobs, type Pod, Pods } from '#api/kinds/index.ts';
import { isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { systemClock } from '#async/clock.ts';
import { waitFor } from '../../bed/wait.ts';
import { killing, meanwhile, randomSource, seed } from './chaos.ts';
import { freshNamespace, livePods, podTemplate, useWorld } from './world.ts';

const world = useWorld('controllers-job');

const TRACKING = 'batch.kubernetes.io/job-tracking';

/** What becomes of the pods is written on them: an exit code, or one per index. */
const EXITS = 'test/exits';
function exitOf(pod: Pod): number | undefined {
  const plan = pod.metadata?.annotations?.[EXITS];
  if (plan === undefined) return undefined;
  const codes = plan.split(',').map((c) => (c === '' ? undefined : Number(c)));
  const index = Number(pod.metadata?.annotations?.['batch.kubernetes.io/job-completion-index'] ?? 0);
  return codes[index % codes.length];
}

const job = (namespace: string, name: string, exits: string | undefined, spec: object = {}): Job => {
  const template = podTemplate({ app: name });
  const annotations = exits === undefined ? {} : { [EXITS]: exits };
  return {
    metadata: { namespace, name },
    spec: {
      template: { metadata: { ...template.metadata, annotations }, spec: { ...template.spec, restartPolicy: 'Never' } },
      ...spec,
    },
  } as Job;
};
const get = (ns: string, name: string) => world().client.get(Jobs, name, ns);
const conditions = (j: Job): string[] =>
  (j.status?.conditions ?? []).filter((c) => c.status === 'True').map((c) => `${c.type}:${c.reason}`);
const ended = (ns: string, name: string, timeoutMs = 60_000): Promise<Stored<Job>> =>
  waitFor(
    `${name} ended`,
    async () => {
      const j = await get(ns, name);
      return conditions(j).some((c) => /^(Complete|Failed):/.test(c)) ? j : undefined;
    },
    { timeoutMs, everyMs: 30 },
  );
async function run(exits: string | undefined, spec: object = {}): Promise<{ ns: string; j: Stored<Job> }> {
  const { client, nodes } = world();
  nodes.policy = { exits: exitOf };
  const ns = await freshNamespace(client);
  await client.create(Jobs, job(ns, 'j', exits, spec));
  return { ns, j: await ended(ns, 'j') };
}

describe('Job', () => {
  test('completions, parallelism, and every pod counted and let go', async () => {
    const { ns, j } = await run('0', { completions: 7, parallelism: 3 });
    expect(conditions(j)).toEqual(['SuccessCriteriaMet:CompletionsReached', 'Complete:CompletionsReached']);
    expect(j.status).toMatchObject({ succeeded: 7, ready: 0, terminating: 0, uncountedTerminatedPods: {} });
    expect(j.status?.active).toBeUndefined();
    expect(Date.parse(j.status?.completionTime ?? '')).toBeGreaterThanOrEqual(Date.parse(j.status?.startTime ?? ''));
    const pods = (await world().client.list(Pods, { namespace: ns })).items;
    expect(pods.map((p) => p.metadata.finalizers ?? [])).toEqual(new Array(7).fill([]));
  });

  test('a pod that comes after the end is ended: of a manager that was killed the last request may arrive late', async () => {
    const { ns, j } = await run('0', { completions: 1 });
    const { client } = world();
    const [first] = (await client.list(Pods, { namespace: ns })).items;
    const { labels, ownerReferences } = first?.metadata ?? {};
    const metadata = { namespace: ns, name: 'late', labels, ownerReferences, finalizers: [TRACKING] };
    const { spec } = podTemplate({});
    await client.create(Pods, { metadata, spec: { ...spec, restartPolicy: 'Never' } } as Pod);
    await waitFor('it is gone', async () => (await client.list(Pods, { namespace: ns })).items.length === 1);
    expect((await get(ns, 'j')).status).toEqual(j.status);
  });

  test('indexes run once each, and are known to their pods', async () => {
    const { ns, j } = await run('0', { completions: 5, parallelism: 5, completionMode: 'Indexed' });
    expect(j.status).toMatchObject({ succeeded: 5, completedIndexes: '0-4' });
    const pods = (await world().client.list(Pods, { namespace: ns })).items;
    expect(pods.map((p) => p.spec?.hostname).sort()).toEqual([0, 1, 2, 3, 4].map((i) => `j-${i}`));
    expect(pods.every((p) => p.metadata.name.startsWith(`${p.spec?.hostname}-`))).toBe(true);
  });

  test('beyond the backoff limit it fails, and ends the pods that still run', async () => {
    const spec = { completions: 2, parallelism: 2, completionMode: 'Indexed', backoffLimit: 0 };
    const { ns, j } = await run('1,', spec);
    expect(conditions(j)).toEqual(['FailureTarget:BackoffLimitExceeded', 'Failed:BackoffLimitExceeded']);
    expect(j.status).toMatchObject({ failed: 2, uncountedTerminatedPods: {} });
    expect(await livePods(world().client, ns)).toHaveLength(1);
  });

  test('limits per index: one index fails, the others are completed', async () => {
    const spec = { completions: 3, parallelism: 3, completionMode: 'Indexed', backoffLimitPerIndex: 0 };
    const { j } = await run('0,1,0', spec);
    expect(conditions(j)).toEqual(['FailureTarget:FailedIndexes', 'Failed:FailedIndexes']);
    expect(j.status).toMatchObject({ succeeded: 2, failed: 1, completedIndexes: '0,2', failedIndexes: '1' });
  });

  test('the pod failure policy ends the job, and the success policy as well', async () => {
    const rules = [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } }];
    const failed = await run('42', { podFailurePolicy: { rules } });
    expect(conditions(failed.j)).toEqual(['FailureTarget:PodFailurePolicy', 'Failed:PodFailurePolicy']);
    const message = failed.j.status?.conditions?.at(-1)?.message ?? '';
    expect(message).toMatch(
      /^Container main for pod t-\d+\/j-\w{5} failed with exit code 42 matching FailJob rule at index 0$/,
    );
    const spec = { completions: 3, parallelism: 3, completionMode: 'Indexed' };
    const { ns, j } = await run('0,,', { ...spec, successPolicy: { rules: [{ succeededIndexes: '0' }] } });
    expect(conditions(j)).toEqual(['SuccessCriteriaMet:SuccessPolicy', 'Complete:SuccessPolicy']);
    expect(j.status).toMatchObject({ succeeded: 1, completedIndexes: '0' });
    expect(j.status?.failed).toBeUndefined();
    expect(await livePods(world().client, ns)).toHaveLength(1);
  });

  test('suspended it has no pods and no start; the deadline counts from when it is resumed', async () => {
    const { client } = world();
    const ns = await freshNamespace(client);
    const suspend = (value: boolean, more: object = {}) =>
      client.patch(Jobs, { name: 'j', namespace: ns }, { type: 'merge', body: { spec: { suspend: value, ...more } } });
    await client.create(Jobs, job(ns, 'j', undefined, { suspend: true, activeDeadlineSeconds: 600 }));
    const held = await waitFor('suspended', async () => {
      const j = await get(ns, 'j');
      return conditions(j).includes('Suspended:JobSuspended') ? j : undefined;
    });
    expect([held.status?.startTime, (await livePods(client, ns)).length]).toEqual([undefined, 0]);
    await suspend(false);
    await waitFor('a pod', async () => (await get(ns, 'j')).status?.active === 1);
    await suspend(true);
    await waitFor('no pod', async () => (await client.list(Pods, { namespace: ns })).items.length === 0);
    expect((await get(ns, 'j')).status?.failed).toBeUndefined();
    await suspend(false, { activeDeadlineSeconds: 2 });
    const j = await ended(ns, 'j');
    expect(conditions(j)).toEqual(['FailureTarget:DeadlineExceeded', 'Failed:DeadlineExceeded']);
    const took = Date.parse(j.status?.conditions?.find((c) => c.type === 'FailureTarget')?.lastTransitionTime ?? '');
    expect(took - Date.parse(j.status?.startTime ?? '')).toBeGreaterThanOrEqual(2000);
  });

  test('a failed pod is replaced after ten seconds, and finished jobs go after their time', async () => {
    const { client, nodes } = world();
    const ns = await freshNamespace(client);
    let failing: string | undefined;
    const exits = ({ metadata: { uid, namespace } }: Stored<Pod>) => {
      if (namespace === ns) failing ??= uid;
      return failing === uid ? 1 : 0;
    };
    nodes.policy = { exits };
    await client.create(Jobs, job(ns, 'j', '0'));
    await waitFor('counted, and none runs', async () => {
      const { status } = await get(ns, 'j');
      return status?.failed === 1 && status.active === undefined;
    });
    const j = await ended(ns, 'j');
    expect(j.status).toMatchObject({ succeeded: 1, failed: 1 });
    const { items } = await client.list(Pods, { namespace: ns });
    const last = items.find((p) => p.metadata.uid !== failing);
    const end = items.find((p) => p !== last)?.status?.containerStatuses?.[0]?.state?.terminated?.finishedAt ?? '';
    expect(Date.parse(last?.metadata.creationTimestamp ?? '') - Date.parse(end)).toBeGreaterThanOrEqual(10_000);
    const ttl = { spec: { ttlSecondsAfterFinished: 1 } };
    await client.patch(Jobs, { name: 'j', namespace: ns }, { type: 'merge', body: ttl });
    await waitFor('gone', () => get(ns, 'j').then(() => false, isNotFound));
    await waitFor('its pods', async () => (await client.list(Pods, { namespace: ns })).items.length === 0);
  });

  test('whatever way a job is deleted, its pods are let go', async () => {
    const { client, nodes } = world();
    nodes.policy = {};
    const ns = await freshNamespace(client);
    for (const propagationPolicy of ['Background', 'Foreground', 'Orphan'] as const) {
      const name = propagationPolicy.toLowerCase();
      await client.create(Jobs, job(ns, name, undefined, { parallelism: 2, completions: 2 }));
      await waitFor('pods', async () => (await get(ns, name)).status?.active === 2);
      await client.delete(Jobs, name, ns, { propagationPolicy });
    }
    await waitFor('only the orphans stay, unheld', async () => {
      const { items } = await client.list(Pods, { namespace: ns });
      return (
        items.length === 2 && items.every((p) => p.metadata.labels?.app === 'orphan' && !p.metadata.finalizers?.length)
      );
    });
  });
});

test(`each outcome is counted exactly once, whatever happens to the controller manager (SEED=${seed})`, async () => {
  const { client, nodes } = world();
  const random = randomSource(seed);
  const ns = await freshNamespace(client);
  nodes.policy = { exits: exitOf };
  const spec = { completions: 60, parallelism: 4, completionMode: 'Indexed', backoffLimitPerIndex: 0 };
  await client.create(Jobs, job(ns, 'many', '0', { completions: 200, parallelism: 4 }));
  await client.create(Jobs, job(ns, 'indexed', '1,0,0,0,0', spec));
  const killer = killing(world, random);
  const seen = new Map<string, string>();
  const over: string[] = [];
  const look = async () => {
    await systemClock.sleep(50 + random(100));
    const { items } = await client.list(Pods, { namespace: ns });
    const active = { many: 0, indexed: 0 };
    for (const p of items) {
      const app = p.metadata.labels?.app as 'many' | 'indexed';
      seen.set(p.metadata.uid, app);
      if (!['Succeeded', 'Failed'].includes(p.status?.phase ?? '')) active[app]++;
    }
    if (active.many > 4 || active.indexed > 4) over.push(JSON.stringify(active));
    const victim = items[random(items.length || 1)];
    const body = { metadata: { labels: { touched: `${random(1000)}` } } };
    if (victim) await client.patch(Pods, { name: victim.metadata.name, namespace: ns }, { type: 'merge', body });
  };
  let kills = 0;
  await meanwhile(look, async () => {
    await systemClock.sleep(9000);
    kills = await killer.stop();
    await Promise.all([ended(ns, 'many', 120_000), ended(ns, 'indexed', 120_000)]);
  });
  const many = await ended(ns, 'many');
  expect(many.status).toMatchObject({ succeeded: 200, uncountedTerminatedPods: {} });
  expect(many.status?.failed).toBeUndefined();
  const indexed = await ended(ns, 'indexed');
  expect(indexed.status).toMatchObject({
    succeeded: 48,
    failed: 12,
    failedIndexes: '0,5,10,15,20,25,30,35,40,45,50,55',
  });
  expect(over).toEqual([]);
  expect(kills).toBeGreaterThan(0);
  const { items } = await client.list(Pods, { namespace: ns });
  expect([items.length, items.filter((p) => p.metadata.finalizers?.length).length]).toEqual([260, 0]);
  // Also those made after the last look.
  for (const p of items) seen.set(p.metadata.uid, p.metadata.labels?.app ?? '');
  expect([...seen.values()].filter((app) => app === 'many')).toHaveLength(200);
}, 240_000);
