import { hostname } from 'node:os';
import { Registry } from 'prom-client';
import { systemClock } from '#async/clock.ts';
import { createClient } from '#client/client.ts';
import { createInformerFactory } from '#client/informer-factory.ts';
import { loadKubeconfig } from '#client/kubeconfig.ts';
import { requireServer } from '#client/reachable.ts';
import { systemExec } from '#process/exec.ts';
import { startHealthServer } from '#process/health.ts';
import { type MainContext, runMain, UserError } from '#process/main.ts';
import { IptablesBackend } from '#proxy/backends/iptables/backend.ts';
import { Proxier } from '#proxy/proxier.ts';

interface Flags {
  kubeconfig?: string;
  nodeName: string;
  proxyMode: string;
  clusterCidr: string;
  healthAddress: string;
  cleanup: boolean;
}

async function run(flags: Flags, { logger, signal }: MainContext): Promise<void> {
  if (flags.proxyMode !== 'iptables') throw new UserError(`--proxy-mode ${flags.proxyMode} is not known; use iptables`);
  const backend = new IptablesBackend({ exec: systemExec, logger, clusterCidr: flags.clusterCidr });
  if (flags.cleanup) {
    await backend.cleanup();
    return;
  }
  if (!flags.kubeconfig) throw new UserError('--kubeconfig is required: it says how to reach the API server');
  const config = await loadKubeconfig(flags.kubeconfig);
  const client = createClient({ ...config, userAgent: 'kube-proxy', logger });
  await requireServer({ client, server: config.server, clock: systemClock, signal });
  const informers = createInformerFactory({ client, clock: systemClock, signal, logger });
  const proxier = new Proxier({ informers, backend, clock: systemClock, logger, nodeName: flags.nodeName });
  const ready = (): void => {
    if (proxier.lastSync === 0) throw new Error('no rules were written yet');
  };
  const health = await startHealthServer({
    address: flags.healthAddress,
    checks: {},
    ready: { sync: ready },
    registry: new Registry(),
  });
  informers.start();
  try {
    await proxier.run(signal);
  } finally {
    await health.close();
    await client.close();
  }
}

await runMain(
  'proxy',
  (program) =>
    program
      .description('Makes Services reachable on this node by kernel rules.')
      .option('--kubeconfig <file>', 'how to reach the API server')
      .option('--node-name <name>', 'the node this runs on', hostname())
      .option('--proxy-mode <mode>', 'iptables', 'iptables')
      .option('--cluster-cidr <cidr>', 'the pod network', '')
      .option(
        '--health-address <host:port>',
        'where /livez, /readyz and /metrics are served; empty: nowhere',
        '127.0.0.1:10256',
      )
      .option('--cleanup', 'remove every rule of ours and exit', false),
  run,
);
