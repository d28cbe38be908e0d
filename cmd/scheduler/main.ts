import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { systemClock } from '#async/clock.ts';
import { createClient } from '#client/client.ts';
import { createEventRecorder } from '#client/events.ts';
import { createInformerFactory } from '#client/informer-factory.ts';
import { loadKubeconfig } from '#client/kubeconfig.ts';
import { leaderClient, runWithLeadership } from '#client/leader.ts';
import { requireServer } from '#client/reachable.ts';
import type { Client, EventRecorder } from '#client/types.ts';
import { startHealthServer } from '#process/health.ts';
import { boolFlag, durationFlag, type MainContext, runMain, UserError } from '#process/main.ts';
import { processRegistry } from '#process/metrics.ts';
import {
  defaultConfiguration,
  loadConfiguration,
  type SchedulerConfiguration,
} from '#scheduler/config/configuration.ts';
import { Scheduler } from '#scheduler/scheduler.ts';

interface Flags {
  kubeconfig?: string;
  config?: string;
  leaderElect?: boolean;
  leaderElectLeaseDuration?: number;
  leaderElectRenewDeadline?: number;
  leaderElectRetryPeriod?: number;
  healthAddress: string;
  schedulerName?: string;
}

async function schedule(
  client: Client,
  configuration: SchedulerConfiguration,
  { logger }: MainContext,
  signal: AbortSignal,
): Promise<void> {
  const informers = createInformerFactory({ client, clock: systemClock, signal, logger, consistentStart: true });
  const recorders: EventRecorder[] = [];
  const events = (component: string): EventRecorder => {
    const recorder = createEventRecorder({ client, clock: systemClock, component, host: hostname(), logger });
    recorders.push(recorder);
    return recorder;
  };
  const scheduler = new Scheduler({ client, informers, events, clock: systemClock, logger, configuration });
  informers.start();
  await scheduler.run(signal);
  await Promise.all(recorders.map((r) => r.flush()));
}

function configurationOf({ config, schedulerName }: Flags): SchedulerConfiguration {
  if (config === undefined) return defaultConfiguration(schedulerName);
  if (schedulerName === undefined) return loadConfiguration(config);
  throw new UserError('--scheduler-name and --config exclude each other: name the scheduler in a profile of the file');
}

async function run(flags: Flags, context: MainContext): Promise<void> {
  const { logger, signal } = context;
  const configuration = configurationOf(flags);
  const kubeconfig = flags.kubeconfig ?? configuration.kubeconfig;
  if (!kubeconfig) throw new UserError('--kubeconfig, or clientConnection.kubeconfig of --config, must be given');
  const config = await loadKubeconfig(kubeconfig);
  const client = createClient({ ...config, userAgent: 'kube-scheduler', logger });
  const registry = processRegistry();
  const health = await startHealthServer({ address: flags.healthAddress, checks: {}, registry });
  try {
    await requireServer({ client, server: config.server, clock: systemClock, signal, logger });
    const { leaderElection: file } = configuration;
    if (!(flags.leaderElect ?? file.leaderElect ?? true)) await schedule(client, configuration, context, signal);
    else {
      await runWithLeadership(
        {
          client,
          clock: systemClock,
          leaseName: file.resourceName || 'kube-scheduler',
          namespace: file.resourceNamespace || 'kube-system',
          identity: `${hostname()}_${randomUUID()}`,
          leaseDurationMs: flags.leaderElectLeaseDuration ?? file.leaseDurationMs ?? 15_000,
          renewDeadlineMs: flags.leaderElectRenewDeadline ?? file.renewDeadlineMs ?? 10_000,
          retryPeriodMs: flags.leaderElectRetryPeriod ?? file.retryPeriodMs ?? 2_000,
          signal,
          logger,
        },
        (leading, fence) => schedule(leaderClient(client, fence), configuration, context, leading),
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
      .option('--kubeconfig <file>', 'how to reach the API server')
      .option('--config <file>', 'a KubeSchedulerConfiguration; other flags go before it')
      .option('--leader-elect [bool]', 'run only while leading (default: true)', boolFlag)
      .option(
        '--leader-elect-lease-duration <duration>',
        'others wait this long before they take over (default: 15s)',
        durationFlag,
      )
      .option(
        '--leader-elect-renew-deadline <duration>',
        'give up leading when not renewed for this long (default: 10s)',
        durationFlag,
      )
      .option('--leader-elect-retry-period <duration>', 'time between tries (default: 2s)', durationFlag)
      .option('--scheduler-name <name>', 'which pods are ours, by spec.schedulerName (default: default-scheduler)')
      .option(
        '--health-address <host:port>',
        'where /livez, /readyz and /metrics are served; empty: nowhere',
        '127.0.0.1:10259',
      ),
  run,
);
