import { HollowFleet } from '#agent/hollow/fleet.ts';
import { milliValue } from '#api/meta/quantity.ts';
import { systemClock } from '#async/clock.ts';
import { createClient } from '#client/client.ts';
import { createInformerFactory } from '#client/informer-factory.ts';
import { loadKubeconfig } from '#client/kubeconfig.ts';
import { requireServer } from '#client/reachable.ts';
import { startHealthServer } from '#process/health.ts';
import { intFlag, intRangeFlag, keyValuesFlag, type MainContext, runMain, UserError } from '#process/main.ts';
import { processRegistry } from '#process/metrics.ts';

interface Flags {
  kubeconfig: string;
  nodes: number;
  namePrefix: string;
  cpus: number;
  memory: string;
  maxPods: number;
  zones: number;
  nodeLabels: Record<string, string>;
  /** Seconds. */
  nodeLeaseDuration: number;
  healthAddress: string;
}

function bytesOf(memory: string): number {
  try {
    return milliValue(memory) / 1000;
  } catch {
    throw new UserError(`--memory: "${memory}" is no amount such as 32Gi`);
  }
}

async function run(f: Flags, { logger, signal }: MainContext): Promise<void> {
  const memoryBytes = bytesOf(f.memory);
  const config = await loadKubeconfig(f.kubeconfig);
  const client = createClient({ ...config, userAgent: 'hollow-node', logger });
  const clock = systemClock;
  const informers = createInformerFactory({ client, clock, signal, logger });
  const { nodes: count, namePrefix: prefix, cpus, maxPods, zones, nodeLabels: labels } = f;
  const plan = { count, prefix, cpus, memoryBytes, maxPods, zones, labels, leaseSeconds: f.nodeLeaseDuration };
  const fleet = new HollowFleet({ client, informers, clock, logger, signal }, plan);
  const ready = {
    nodes: () => {
      if (!fleet.ready) throw new Error('not every node is registered');
    },
  };
  const health = await startHealthServer({ address: f.healthAddress, checks: {}, ready, registry: processRegistry() });
  try {
    await requireServer({ client, server: config.server, clock, signal, logger });
    await fleet.run();
  } finally {
    await health.close();
    await client.close();
  }
}

await runMain(
  'hollow-node',
  (program) =>
    program
      .description(
        'Stands in for many nodes: real agents towards the API, but nothing runs. For tests of large clusters.',
      )
      .requiredOption('--kubeconfig <file>', 'how to reach the API server, as one who may write every node')
      .option('--nodes <n>', 'how many', intFlag, 100)
      .option('--name-prefix <name>', 'names are this, a dash and a number', 'hollow')
      .option('--cpus <n>', 'of each node', intFlag, 8)
      .option('--memory <amount>', 'of each node', '32Gi')
      .option('--max-pods <n>', 'how many pods each takes', intFlag, 110)
      .option('--zones <n>', 'zones they are spread over; 0: none', intFlag, 3)
      .option('--node-labels <list>', 'further labels, a=1,b=2', keyValuesFlag, {})
      .option(
        '--node-lease-duration <s>',
        'seconds a node counts as alive without a heartbeat',
        intRangeFlag(1, 3600),
        40,
      )
      .option(
        '--health-address <host:port>',
        'where /livez, /readyz and /metrics are served; empty: nowhere',
        '127.0.0.1:10249',
      ),
  run,
);
