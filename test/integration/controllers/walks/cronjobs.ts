import { type CronJob, CronJobs, type Job, Jobs, Pods } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { apiTime } from '#api/meta/time.ts';
import { podTemplate } from '../world.ts';
import { differences, pick, type Scene, type Walk } from './walk.ts';

const MINUTE = 60_000;
const POLICIES = ['Allow', 'Forbid', 'Replace'] as const;
const nameOf = (policy: string): string => policy.toLowerCase();

const cronJob = (namespace: string, concurrencyPolicy: string): CronJob => {
  const { metadata, spec } = podTemplate({ app: nameOf(concurrencyPolicy) });
  return {
    metadata: { namespace, name: nameOf(concurrencyPolicy) },
    spec: {
      schedule: '0 0 1 1 *',
      timeZone: 'Etc/UTC',
      concurrencyPolicy,
      successfulJobsHistoryLimit: 2,
      failedJobsHistoryLimit: 1,
      jobTemplate: { spec: { backoffLimit: 0, template: { metadata, spec: { ...spec, restartPolicy: 'Never' } } } },
    },
  } as CronJob;
};
const isOver = (j: Job): boolean =>
  j.status?.conditions?.some((c) => ['Complete', 'Failed'].includes(c.type) && c.status === 'True') ?? false;

/** One minute after the other becomes due; jobs end, fail and are deleted. */
export const cronJobs: Walk = {
  name: 'CronJobs',
  deeds: 50,
  async start({ client, nodes, random, space, fare }: Scene) {
    const namespace = await space();
    const ends = new Map<string, number>();
    await fare(namespace, { exits: (p) => ends.get(p.metadata.name) });
    const first = Math.floor(Date.now() / MINUTE) * MINUTE - 55 * MINUTE;
    const due = new Map(POLICIES.map((p) => [p, first]));
    for (const p of POLICIES) await client.create(CronJobs, cronJob(namespace, p));
    const started = { status: { lastScheduleTime: apiTime(first) } };
    for (const p of POLICIES)
      await client.patch(
        CronJobs,
        { name: nameOf(p), namespace, subresource: 'status' },
        { type: 'merge', body: started },
      );
    const jobs = async (policy: string): Promise<Stored<Job>[]> =>
      (await client.list(Jobs, { namespace })).items.filter((j) => j.metadata.name.startsWith(`${nameOf(policy)}-`));
    const cron = (policy: string) => client.get(CronJobs, nameOf(policy), namespace);
    const patch = (policy: string, spec: object) =>
      client.patch(CronJobs, { name: nameOf(policy), namespace }, { type: 'merge', body: { spec } });
    const seen = new Map<string, Set<string>>();
    const deleted = new Set<string>();
    return {
      async act() {
        const choice = random(10);
        const policy = pick(random, POLICIES) ?? 'Allow';
        if (choice < 4) {
          const next = (due.get(policy) ?? first) + MINUTE;
          due.set(policy, next);
          return patch(policy, { schedule: `${new Date(next).getUTCMinutes()} * * * *` });
        }
        if (choice < 5) return patch(policy, { suspend: random(2) === 0 });
        if (choice < 9) {
          const pod = pick(random, (await client.list(Pods, { namespace })).items);
          if (pod) ends.set(pod.metadata.name, random(4) === 0 ? 1 : 0);
          return nodes.poke();
        }
        const job = pick(random, await jobs(policy));
        if (!job) return undefined;
        deleted.add(job.metadata.name);
        return client.delete(Jobs, job.metadata.name, namespace, { propagationPolicy: 'Background' });
      },
      async look() {
        const broken: string[] = [];
        for (const policy of POLICIES) {
          const all = await jobs(policy);
          for (const { metadata } of all) {
            const uids = seen.get(metadata.name) ?? new Set();
            seen.set(metadata.name, uids.add(metadata.uid));
            if (uids.size > 1 && !deleted.has(metadata.name)) broken.push(`${metadata.name} was started twice`);
          }
          const running = all.filter((j) => !j.metadata.deletionTimestamp && !isOver(j)).map((j) => j.metadata.name);
          if (policy !== 'Allow' && running.length > 1) broken.push(`${policy}: ${running.join()} run at once`);
        }
        return broken;
      },
      async rest() {
        await Promise.all(POLICIES.map((p) => patch(p, { suspend: true })));
        await fare(namespace, { exits: () => 0 });
      },
      async missing() {
        const found: string[] = [];
        for (const policy of POLICIES) {
          const { status } = await cron(policy);
          const all = await jobs(policy);
          found.push(...differences(`${policy}: active`, status?.active ?? [], []));
          found.push(...all.filter((j) => !isOver(j)).map((j) => `${j.metadata.name} has not ended`));
          const failed = all.filter((j) =>
            j.status?.conditions?.some((c) => c.type === 'Failed' && c.status === 'True'),
          );
          if (failed.length > 1 || all.length - failed.length > 2) found.push(`${policy}: ${all.length} jobs are kept`);
        }
        return found;
      },
    };
  },
};
