import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { Registry } from 'prom-client';
import { systemClock } from '#async/clock.ts';
import { createClient } from '#client/client.ts';
import { createEventRecorder } from '#client/events.ts';
import { createInformerFactory } from '#client/informer-factory.ts';
import { loadKubeconfig } from '#client/kubeconfig.ts';
import { leaderClient, runWithLeadership } from '#client/leader.ts';
import { requireServer } from '#client/reachable.ts';
import type { Client } from '#client/types.ts';
import { startHealthServer } from '#process/health.ts';
import { boolFlag, durationFlag, type MainContext, runMain } from '#process/main.ts';
import { Scheduler } from '#scheduler/scheduler.ts';

interface Flags {
  kubeconfig: string;
  leaderElect: boolean;
  leaderElectLeaseDuration: number;
  leaderElectRenewDeadline: number;
  leaderElectRetryPeriod: number;
  healthAddress: string;
  schedulerName: string;
}

async function schedule(client: Client, flags: Flags, { logger }: MainContext, signal: AbortSignal): Promise<void> {
  const informers = createInformerFactory({ client, clock: systemClock, signal, logger });
  const events = createEventRecorder({
    client,
    clock: systemClock,
    component: flags.schedulerName,
    host: hostname(),
    logger,
  });
  const { schedulerName } = flags;
  const scheduler = new Scheduler({ client, informers, events, clock: systemClock, logger, schedulerName });
  informers.start();
  await scheduler.run(signal);
  await events.flush();
}

async function run(flags: Flags, context: MainContext): Promise<void> {
  const { logger, signal } = context;
  const config = await loadKubeconfig(flags.kubeconfig);
  const client = createClient({ ...config, userAgent: 'kube-scheduler', logger });
  const registry = new Registry();
  const health = await startHealthServer({ address: flags.healthAddress, checks: {}, registry });
  try {
    await requireServer({ client, server: config.server, clock: systemClock, signal });
    if (!flags.leaderElect) await schedule(client, flags, context, signal);
    else {
      await runWithLeadership(
        {
          client,
          clock: systemClock,
          leaseName: 'kube-scheduler',
          identity: `${hostname()}_${randomUUID()}`,
          leaseDurationMs: flags.leaderElectLeaseDuration,
          renewDeadlineMs: flags.leaderElectRenewDeadline,
          retryPeriodMs: flags.leaderElectRetryPeriod,
          signal,
          logger,
        },
        (leading, fence) => schedule(leaderClient(client, fence), flags, context, leading),
      );
    }
  } finally {
    await health.close();
    await client.close();
  }
}

await runMain(
  'scheduler',
  (program) =>
    program
      .description('Assigns pods to nodes.')
      .requiredOption('--kubeconfig <file>', 'how to reach the API server')
      .option('--leader-elect [bool]', 'run only while leading', boolFlag, true)
      .option(
        '--leader-elect-lease-duration <duration>',
        'others wait this long before they take over',
        durationFlag,
        15_000,
      )
      .option(
        '--leader-elect-renew-deadline <duration>',
        'give up leading when not renewed for this long',
        durationFlag,
        10_000,
      )
      .option('--leader-elect-retry-period <duration>', 'time between tries', durationFlag, 2_000)
      .option('--scheduler-name <name>', 'which pods are ours, by spec.schedulerName', 'default-scheduler')
      .option(
        '--health-address <host:port>',
        'where /livez, /readyz and /metrics are served; empty: nowhere',
        '127.0.0.1:10259',
      ),
  run,
);
