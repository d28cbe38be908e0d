import { type Job, Jobs } from '#api/kinds/index.ts';
import { podTemplate } from '../world.ts';
import { pick, type Scene, type Walk } from './walk.ts';

/** Finished jobs go when their time is over, and no others: time may be given and taken at any moment. */
export const finishedJobs: Walk = {
  name: 'finished jobs',
  deeds: 30,
  async start({ client, random, space, fare }: Scene) {
    const namespace = await space();
    await fare(namespace, { exits: () => 0 });
    /** Those that may stay for good: whoever is asked for their deletion comes off before. */
    const lasting = new Set<string>();
    let serial = 0;
    const all = async () => (await client.list(Jobs, { namespace })).items;
    return {
      async act() {
        const choice = random(10);
        if (choice < 5) {
          const name = `j${serial++}`;
          const { spec } = podTemplate({});
          const ttl = random(2) ? { ttlSecondsAfterFinished: random(3) } : {};
          const template = { spec: { ...spec, restartPolicy: 'Never' } };
          await client.create(Jobs, { metadata: { namespace, name }, spec: { template, ...ttl } } as Job);
          if (!('ttlSecondsAfterFinished' in ttl)) lasting.add(name);
          return undefined;
        }
        const job = pick(random, await all());
        if (!job) return undefined;
        const { name } = job.metadata;
        lasting.delete(name);
        if (choice < 7) return client.delete(Jobs, name, namespace, { propagationPolicy: 'Background' });
        const body = { spec: { ttlSecondsAfterFinished: choice < 9 ? random(3) : null } };
        return client.patch(Jobs, { name, namespace }, { type: 'merge', body });
      },
      async look() {
        const wanted = [...lasting];
        const found = new Set((await all()).map((j) => j.metadata.name));
        return wanted.filter((name) => lasting.has(name) && !found.has(name)).map((name) => `${name} is gone`);
      },
      async missing() {
        return (await all()).flatMap(({ metadata: { name }, spec, status }) => {
          if (spec?.ttlSecondsAfterFinished !== undefined) return [`${name} is still there`];
          return status?.conditions?.some((c) => c.type === 'Complete' && c.status === 'True') ? [] : [`${name} runs`];
        });
      },
    };
  },
};
