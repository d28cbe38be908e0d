import { hostname } from 'node:os';
import { FAMILIES, ofFamily } from '#api/meta/families.ts';
import type { IpFamily } from '#api/meta/ip.ts';
import { systemClock } from '#async/clock.ts';
import { createClient } from '#client/client.ts';
import { createEventRecorder } from '#client/events.ts';
import { createInformerFactory } from '#client/informer-factory.ts';
import { loadKubeconfig } from '#client/kubeconfig.ts';
import { requireServer } from '#client/reachable.ts';
import { systemExec } from '#process/exec.ts';
import { startHealthServer } from '#process/health.ts';
import type { Logger } from '#process/logger.ts';
import { cidrsFlag, type MainContext, runMain, UserError } from '#process/main.ts';
import { processRegistry } from '#process/metrics.ts';
import { NftSession } from '#process/nft-session.ts';
import { hasNftables, type NftRunner, nftOnce } from '#process/nftables.ts';
import { IptablesBackend } from '#proxy/backends/iptables/backend.ts';
import { IpvsBackend } from '#proxy/backends/ipvs/backend.ts';
import { NftablesBackend } from '#proxy/backends/nftables/backend.ts';
import { type FamilyModes, FamilyProxy } from '#proxy/family-proxy.ts';
import { healthPages } from '#proxy/health-pages.ts';
import { Proxier } from '#proxy/proxier.ts';
import type { ProxyBackend } from '#proxy/table/types.ts';

/** Changes of rules that are not in the kernel after this are told of by /readyz, milliseconds. */
const BEHIND_MS = 15_000;

interface Flags {
  kubeconfig?: string;
  nodeName: string;
  proxyMode?: string;
  ipvsScheduler: string;
  clusterCidr: readonly string[];
  healthAddress: string;
  cleanup: boolean;
}

interface Mode {
  readonly name: string;
  /** Takes changes of nftables, of both families. */
  readonly changes: NftRunner;
}

/** @throws UserError when there is no such mode */
function modesOf(family: IpFamily, { name, changes }: Mode, flags: Flags, logger: Logger): FamilyModes {
  const { ipvsScheduler: scheduler } = flags;
  const options = { exec: systemExec, logger, family, clusterCidr: ofFamily(family, flags.clusterCidr) ?? '' };
  const modes: ProxyBackend[] = [
    new IptablesBackend(options),
    new NftablesBackend({ ...options, changes }),
    new IpvsBackend({ ...options, scheduler }),
  ];
  const backend = modes.find((m) => m.name === name);
  if (!backend) {
    throw new UserError(`--proxy-mode ${name} is not known; use one of ${modes.map((m) => m.name).join(', ')}`);
  }
  const always = family === 'IPv4' || options.clusterCidr !== '';
  return { family, backend, others: modes.filter((m) => m !== backend), always };
}

/** What is not there cannot be removed: a machine may have programs of one family only. */
async function cleanUp(families: readonly FamilyModes[], logger: Logger): Promise<void> {
  for (const modes of families) {
    await new FamilyProxy(modes, { exec: systemExec, logger }).cleanup().catch((err: unknown) => {
      if (modes.always) throw err;
      logger.warn({ err, family: modes.family }, 'could not look for rules');
    });
  }
}

async function run(flags: Flags, { logger, signal }: MainContext): Promise<void> {
  const name = flags.proxyMode ?? ((await hasNftables(systemExec)) ? 'nftables' : 'iptables');
  logger.info({ mode: name }, 'how Services are reached');
  const mode: Mode = { name, changes: new NftSession({ once: nftOnce(systemExec) }) };
  const families = FAMILIES.map((family) => modesOf(family, mode, flags, logger));
  if (flags.cleanup) return cleanUp(families, logger);
  if (!flags.kubeconfig) throw new UserError('--kubeconfig is required: it says how to reach the API server');
  const config = await loadKubeconfig(flags.kubeconfig);
  const client = createClient({ ...config, userAgent: 'kube-proxy', logger });
  const informers = createInformerFactory({ client, clock: systemClock, signal, logger });
  const { nodeName } = flags;
  const events = createEventRecorder({ client, clock: systemClock, component: 'kube-proxy', host: nodeName, logger });
  const proxier = new Proxier({
    informers,
    events,
    families,
    exec: systemExec,
    clock: systemClock,
    logger,
    nodeName,
  });
  const ready = (): void => {
    const problem = proxier.behind(BEHIND_MS) ?? (proxier.lastSync === 0 ? 'no rules were written yet' : undefined);
    if (problem) throw new Error(problem);
  };
  const health = await startHealthServer({
    address: flags.healthAddress,
    checks: {},
    ready: { sync: ready },
    pages: healthPages(proxier, systemClock),
    registry: processRegistry(),
  });
  try {
    await requireServer({ client, server: config.server, clock: systemClock, signal, logger });
    informers.start();
    await proxier.run(signal);
  } finally {
    await health.close();
    await events.flush();
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
      .option('--proxy-mode <mode>', 'how: iptables, nftables or ipvs; default: nftables where it is, else iptables')
      .option('--ipvs-scheduler <name>', 'how ipvs spreads connections: rr, wrr, lc, wlc, sh, dh, sed or nq', 'rr')
      .option('--cluster-cidr <cidrs>', 'the pod network, or one of each address family', cidrsFlag, [])
      .option(
        '--health-address <host:port>',
        'where /healthz, /livez, /readyz and /metrics are served; empty: nowhere',
        '127.0.0.1:10256',
      )
      .option('--cleanup', 'remove every rule of ours and exit', false),
  run,
);
