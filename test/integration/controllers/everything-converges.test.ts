import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '#async/clock.ts';
import { randomSource, seed } from './chaos.ts';
import type { Policy } from './hollow.ts';
import { MetricsServer } from './metrics-server.ts';
import { cronJobs } from './walks/cronjobs.ts';
import { finishedJobs } from './walks/jobs.ts';
import { nodeIpam, nodeLifecycle } from './walks/nodes.ts';
import { autoscaling, budgets, evictions } from './walks/scaling.ts';
import { mirroring, services } from './walks/services.ts';
import { accountTokens, aggregatedRoles, namespaces, quotas } from './walks/tenancy.ts';
import { faults, go, type Scene, settle } from './walks/walk.ts';
import { replicaSets, replicationControllers } from './walks/workloads.ts';
import { freshNamespace, useWorld } from './world.ts';

const GRACE_MS = 6000;
const world = useWorld('controllers-converge', {
  apiservers: 2,
  flags: {
    'controller-manager': [
      ...['--horizontal-pod-autoscaler-sync-period', '500ms', '--node-monitor-grace-period', `${GRACE_MS}ms`],
      ...['--horizontal-pod-autoscaler-downscale-stabilization', '1s'],
    ],
  },
});
let metrics: MetricsServer | undefined;
beforeAll(async () => {
  metrics = await MetricsServer.start(world().client);
});
afterAll(() => metrics?.close());

/** One of them alone: WALK=… */
const WALKS = [
  ...[replicaSets, replicationControllers, services, mirroring, budgets, cronJobs, finishedJobs, quotas, namespaces],
  ...[accountTokens, aggregatedRoles, nodeLifecycle(GRACE_MS), nodeIpam],
  // For hunting, until it has been through many seeds: WALK=evictions.
  ...(process.env.WALK ? [evictions(GRACE_MS)] : []),
  autoscaling(() => metrics as MetricsServer),
].filter((w) => w.name.includes(process.env.WALK ?? ''));
/** Quotas are counted anew a minute after the last change, should a server have died over one. */
const SETTLE_MS = 110_000;

test(`every controller keeps its word and comes to its end under random edits, kills and lagging servers (SEED=${seed})`, async () => {
  const { client, nodes, cluster } = world();
  const policies = new Map<string, Policy>();
  const of = (p: { metadata: { namespace?: string } }) => policies.get(p.metadata.namespace ?? '') ?? {};
  nodes.policy = {
    ready: (p) => of(p).ready?.(p) ?? true,
    ends: (p) => of(p).ends?.(p) ?? true,
    exits: (p) => of(p).exits?.(p),
  };
  const walking = await Promise.all(
    WALKS.map(async (walk, i) => {
      const random = randomSource(seed * 1000 + i);
      const scene: Scene = {
        ...{ client, nodes, random },
        space: () => freshNamespace(client),
        async fare(namespace, policy) {
          policies.set(namespace, policy);
          await nodes.poke();
        },
      };
      return { walk, random, course: await walk.start(scene) };
    }),
  );
  const weather = faults(cluster, seed);
  const faulty = await Promise.all(
    walking.map(async ({ walk, course, random }) => [walk.name, await go(walk, course, random)] as const),
  );
  const { kills, freezes } = await weather.stop();
  let settling = true;
  // What a hollow node could not report to a server that stood still, it reports now.
  const reporting = (async () => {
    for (; settling; await systemClock.sleep(1000)) await nodes.poke();
  })();
  const since = systemClock.now();
  const took: string[] = [];
  const unsettled = await Promise.all(
    walking.map(async ({ walk, course }) => {
      await course.rest?.();
      const found = await settle(course, SETTLE_MS);
      took.push(`${walk.name} ${((systemClock.now() - since) / 1000).toFixed(1)} s`);
      return [walk.name, found] as const;
    }),
  );
  settling = false;
  await reporting;
  console.info(`${kills} kills, ${freezes} standstills; then settled: ${took.join(', ')}`);
  const bad = [...faulty, ...unsettled].filter(([, found]) => found.length > 0);
  expect(bad).toEqual([]);
  expect([kills > 1, freezes > 0]).toEqual([true, true]);
}, 480_000);
