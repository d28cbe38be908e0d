import { describe, expect, test } from 'vitest';
import { type CronJob, CronJobs, Events, type Job, Jobs } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { apiTime } from '#api/meta/time.ts';
import { waitFor } from '../../bed/wait.ts';
import { freshNamespace, podTemplate, useWorld } from './world.ts';

const world = useWorld('controllers-cronjob', { hollow: 1 });
const MINUTE = 60_000;

const thisMinute = (): number => Math.floor(Date.now() / MINUTE) * MINUTE;
/** A schedule that is due once an hour, at the minute of that time. */
const at = (ms: number): string => `${new Date(ms).getUTCMinutes()} * * * *`;

const cronJob = (namespace: string, spec: object): CronJob => {
  const template = podTemplate({ app: 'c' });
  return {
    metadata: { namespace, name: 'c' },
    spec: {
      schedule: '0 0 1 1 *',
      timeZone: 'Etc/UTC',
      suspend: true,
      jobTemplate: { spec: { template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } } },
      ...spec,
    },
  } as CronJob;
};
const patch = (namespace: string, body: object, subresource?: string) =>
  world().client.patch(
    CronJobs,
    { name: 'c', namespace, ...(subresource ? { subresource } : {}) },
    { type: 'merge', body },
  );
const get = (ns: string) => world().client.get(CronJobs, 'c', ns);
const jobs = async (ns: string): Promise<Stored<Job>[]> => (await world().client.list(Jobs, { namespace: ns })).items;
const jobAt = (ms: number): string => `c-${ms / MINUTE}`;
const names = async (ns: string): Promise<string[]> =>
  (await jobs(ns))
    .filter((j) => !j.metadata.deletionTimestamp)
    .map((j) => j.metadata.name)
    .sort();
const events = async (ns: string): Promise<string[]> =>
  (await world().client.list(Events, { namespace: ns })).items
    .filter((e) => e.involvedObject?.kind === 'CronJob')
    .map((e) => e.reason ?? '');

/** A cron job that was last started `ago` minutes ago, as its status says, and is due for the first time since at `due`. */
async function overdue(spec: object, { ago, due }: { ago: number; due: number }): Promise<string> {
  const { client } = world();
  const ns = await freshNamespace(client);
  await client.create(CronJobs, cronJob(ns, spec));
  await patch(ns, { status: { lastScheduleTime: apiTime(thisMinute() - ago * MINUTE) } }, 'status');
  await patch(ns, { spec: { suspend: false, schedule: at(due) } });
  return ns;
}

describe('CronJob', () => {
  test('starts the latest missed job, follows it to its end, and keeps the history short', async () => {
    const { nodes } = world();
    nodes.policy = { exits: () => undefined };
    const due = thisMinute() - 3 * MINUTE;
    const ns = await overdue({ successfulJobsHistoryLimit: 1 }, { ago: 130, due });
    const running = await waitFor('a job', async () => {
      const cj = await get(ns);
      return cj.status?.active?.length ? cj : undefined;
    });
    expect(running.status).toMatchObject({
      active: [{ kind: 'Job', name: jobAt(due) }],
      lastScheduleTime: apiTime(due),
    });
    expect(await names(ns)).toEqual([jobAt(due)]);
    nodes.policy = { exits: () => 0 };
    await nodes.poke();
    await waitFor('it is done', async () => (await get(ns)).status?.lastSuccessfulTime !== undefined);
    expect((await get(ns)).status?.active).toBeUndefined();
    await patch(ns, { spec: { schedule: at(due + MINUTE) } });
    await waitFor('only the second is kept', async () => {
      const all = await jobs(ns);
      return all.length === 1 && all[0]?.metadata.name === jobAt(due + MINUTE) && all[0].status?.completionTime;
    });
    await waitFor('events', async () => {
      const seen = await events(ns);
      return ['SuccessfulCreate', 'SawCompletedJob', 'SuccessfulDelete'].every((r) => seen.includes(r));
    });
  });

  test('Forbid waits for the running job, Replace ends it, Allow runs both', async () => {
    const { nodes } = world();
    nodes.policy = {};
    const due = thisMinute() - 3 * MINUTE;
    const policies = ['Forbid', 'Replace', 'Allow'] as const;
    const [forbid, replace, allow] = (await Promise.all(
      policies.map(async (concurrencyPolicy) => {
        const ns = await overdue({ concurrencyPolicy }, { ago: 10, due });
        await waitFor('the first', async () => (await names(ns)).length === 1);
        await waitFor('known', async () => (await get(ns)).status?.active?.length === 1);
        await patch(ns, { spec: { schedule: at(due + MINUTE) } });
        return ns;
      }),
    )) as [string, string, string];
    await waitFor('Forbid says so', async () => (await events(forbid)).includes('JobAlreadyActive'));
    expect(await names(forbid)).toEqual([jobAt(due)]);
    await waitFor('replaced', async () => (await names(replace)).join() === jobAt(due + MINUTE));
    const active = async () => (await get(replace)).status?.active?.map((r) => r.name).join();
    await waitFor('its status', async () => (await active()) === jobAt(due + MINUTE));
    await waitFor('both', async () => (await get(allow)).status?.active?.length === 2);
    expect(await names(allow)).toEqual([jobAt(due), jobAt(due + MINUTE)]);
    await world().client.delete(Jobs, jobAt(due), allow, { propagationPolicy: 'Background' });
    await waitFor('one went missing', async () => (await get(allow)).status?.active?.length === 1);
  });

  test('nothing is started after the deadline, nor while suspended; the next minute is met', async () => {
    const { client } = world();
    const due = thisMinute() - 3 * MINUTE;
    const late = await overdue({ startingDeadlineSeconds: 60 }, { ago: 10, due });
    const held = await freshNamespace(client);
    await client.create(CronJobs, cronJob(held, { schedule: '* * * * *' }));
    const next = await freshNamespace(client);
    await client.create(CronJobs, cronJob(next, { schedule: '@every 2s', suspend: false }));
    await waitFor('started in time', async () => (await names(next)).length > 0);
    const { status, metadata } = await waitFor('its status tells of it', async () => {
      const cj = await get(next);
      return cj.status?.lastScheduleTime === undefined ? undefined : cj;
    });
    expect(Date.parse(status?.lastScheduleTime ?? '') - Date.parse(metadata.creationTimestamp)).toBeGreaterThanOrEqual(
      2000,
    );
    expect([await names(late), await names(held)]).toEqual([[], []]);
  });
});
