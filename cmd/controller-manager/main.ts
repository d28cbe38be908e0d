import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { Registry } from 'prom-client';
import { systemClock } from '#async/clock.ts';
import { createWorkQueue } from '#async/work-queue.ts';
import { createClient } from '#client/client.ts';
import { createEventRecorder } from '#client/events.ts';
import { createInformerFactory } from '#client/informer-factory.ts';
import { loadKubeconfig } from '#client/kubeconfig.ts';
import { leaderClient, runWithLeadership } from '#client/leader.ts';
import { requireServer } from '#client/reachable.ts';
import type { Client, EventRecorder } from '#client/types.ts';
import { controllerMetrics } from '#controllers/harness/metrics.ts';
import { runControllers } from '#controllers/harness/run.ts';
import { CONTROLLERS, type ControllerSettings, enabledControllers } from '#controllers/registry.ts';
import { startHealthServer } from '#process/health.ts';
import {
  boolFlag,
  cidrFlag,
  durationFlag,
  intFlag,
  intRangeFlag,
  type MainContext,
  runMain,
  UserError,
} from '#process/main.ts';

interface Flags {
  kubeconfig: string;
  leaderElect: boolean;
  leaderElectLeaseDuration: number;
  leaderElectRenewDeadline: number;
  leaderElectRetryPeriod: number;
  rootCaFile?: string;
  clusterCidr: string;
  nodeCidrMaskSize: number;
  allocateNodeCidrs: boolean;
  nodeMonitorGracePeriod: number;
  controllers: string;
  concurrentSyncs: number;
  healthAddress: string;
}

function settingsOf(f: Flags): ControllerSettings {
  let rootCa: string | undefined;
  try {
    rootCa = f.rootCaFile === undefined ? undefined : readFileSync(f.rootCaFile, 'utf8');
  } catch (e) {
    throw new UserError(`--root-ca-file: cannot read ${f.rootCaFile} (${(e as NodeJS.ErrnoException).code})`);
  }
  return {
    rootCa,
    nodeMonitorGracePeriodMs: f.nodeMonitorGracePeriod,
    clusterCidr: f.clusterCidr,
    nodeCidrMaskSize: f.nodeCidrMaskSize,
    allocateNodeCidrs: f.allocateNodeCidrs,
  };
}

function namesOf(f: Flags): string[] {
  try {
    return enabledControllers(f.controllers);
  } catch (e) {
    throw new UserError(`--controllers: ${(e as Error).message}`);
  }
}

interface Work {
  readonly names: readonly string[];
  readonly settings: ControllerSettings;
  readonly workers: number;
  readonly registry: Registry;
}

async function control(client: Client, work: Work, logger: MainContext['logger'], signal: AbortSignal): Promise<void> {
  const informers = createInformerFactory({ client, clock: systemClock, signal, logger, consistentStart: true });
  const recorders: EventRecorder[] = [];
  const events = (component: string): EventRecorder => {
    const r = createEventRecorder({ client, clock: systemClock, component, host: hostname(), logger });
    recorders.push(r);
    return r;
  };
  const deps = { client, informers, events, clock: systemClock, log: logger };
  const controllers = work.names.flatMap((n) => CONTROLLERS[n]?.(deps, work.settings) ?? []);
  const metrics = controllerMetrics(work.registry);
  const queue = () => createWorkQueue({ clock: systemClock });
  await runControllers(
    controllers,
    { informers, queue, metrics, clock: systemClock, log: logger, workers: work.workers },
    signal,
  );
  await Promise.all(recorders.map((r) => r.flush()));
}

async function run(f: Flags, { logger, signal }: MainContext): Promise<void> {
  const work = { names: namesOf(f), settings: settingsOf(f), workers: f.concurrentSyncs };
  const config = await loadKubeconfig(f.kubeconfig);
  const client = createClient({ ...config, userAgent: 'kube-controller-manager', logger });
  const health = new Registry();
  const server = await startHealthServer({ address: f.healthAddress, checks: {}, registry: health });
  try {
    await requireServer({ client, server: config.server, clock: systemClock, signal });
    if (!f.leaderElect) await control(client, { ...work, registry: health }, logger, signal);
    else {
      await runWithLeadership(
        {
          client,
          clock: systemClock,
          logger,
          leaseName: 'kube-controller-manager',
          identity: `${hostname()}_${randomUUID()}`,
          leaseDurationMs: f.leaderElectLeaseDuration,
          renewDeadlineMs: f.leaderElectRenewDeadline,
          retryPeriodMs: f.leaderElectRetryPeriod,
          signal,
        },
        (leading, fence) => control(leaderClient(client, fence), { ...work, registry: health }, logger, leading),
      );
    }
  } finally {
    await server.close();
    await client.close();
  }
}

await runMain(
  'controller-manager',
  (program) =>
    program
      .description('Runs the control loops of the cluster.')
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
      .option('--root-ca-file <file>', 'CA of the API server, published in every namespace')
      .option(
        '--service-account-private-key-file <file>',
        'accepted for compatibility; tokens are signed by the API server',
      )
      .option('--cluster-signing-cert-file <file>', 'accepted; certificate requests are not signed yet')
      .option('--cluster-signing-key-file <file>', 'accepted; certificate requests are not signed yet')
      .option('--cluster-cidr <cidr>', 'pod network that nodes get their subnets from', cidrFlag, '10.244.0.0/16')
      .option('--node-cidr-mask-size <bits>', "size of a node's subnet", intRangeFlag(8, 30), 24)
      .option('--allocate-node-cidrs [bool]', 'give nodes their subnets', boolFlag, true)
      .option(
        '--node-monitor-grace-period <duration>',
        'silence after which a node counts as unreachable',
        durationFlag,
        40_000,
      )
      .option('--controllers <list>', 'which to run: "*" for all, "-name" to leave one out', '*')
      .option('--concurrent-syncs <n>', 'reconciles of one controller at a time', intFlag, 10)
      .option(
        '--health-address <host:port>',
        'where /livez, /readyz and /metrics are served; empty: nowhere',
        '127.0.0.1:10257',
      ),
  run,
);
