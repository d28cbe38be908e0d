import { hostname } from 'node:os';
import { Counter, type Registry } from 'prom-client';
import { systemClock } from '#async/clock.ts';
import { aborted } from '#async/signals.ts';
import { createClient } from '#client/client.ts';
import { createInformerFactory } from '#client/informer-factory.ts';
import { loadKubeconfig } from '#client/kubeconfig.ts';
import { requireServer } from '#client/reachable.ts';
import { ClusterZone } from '#dns/cluster-zone.ts';
import { keepRegistered } from '#dns/registration.ts';
import { Resolver } from '#dns/resolver.ts';
import { type DnsServer, listenDns } from '#dns/server.ts';
import { Forwarder } from '#dns/upstream/forwarder.ts';
import { readNameServers } from '#dns/upstream/resolv-conf.ts';
import { StubDomains } from '#dns/upstream/stub-domains.ts';
import { startHealthServer } from '#process/health.ts';
import { keyValuesFlag, type MainContext, portFlag, runMain, UserError } from '#process/main.ts';
import { processRegistry } from '#process/metrics.ts';

interface Flags {
  kubeconfig: string;
  nodeName: string;
  address: string;
  port: number;
  clusterDns: string;
  clusterDomain: string;
  resolvConf: string;
  stubDomains: Record<string, string>;
  healthAddress: string;
}

const UPSTREAM_PORT = 53;

function metrics(registry: Registry) {
  const answers = new Counter({
    name: 'dns_responses_total',
    help: 'Answers, by where they came from and DNS response code.',
    labelNames: ['source', 'rcode'],
    registers: [registry],
  });
  return (source: string, rcode: number): void => answers.inc({ source, rcode });
}

function stubDomains(flags: Flags): StubDomains {
  try {
    return new StubDomains(flags.stubDomains);
  } catch (e) {
    throw new UserError(`--stub-domains: ${(e as Error).message}`);
  }
}

async function listen(flags: Flags, resolver: Resolver, logger: MainContext['logger']): Promise<DnsServer> {
  const { address, port } = flags;
  try {
    return await listenDns({ address, port, resolver, logger });
  } catch (e) {
    const { code } = e as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') throw new UserError(`port ${port} of ${address} is in use; choose another with --port`);
    if (code === 'EADDRNOTAVAIL') throw new UserError(`--address ${address} is no address of this machine`);
    throw e;
  }
}

async function run(flags: Flags, { logger, signal }: MainContext): Promise<void> {
  const config = await loadKubeconfig(flags.kubeconfig);
  const client = createClient({ ...config, userAgent: 'kube-dns', logger });
  const informers = createInformerFactory({ client, clock: systemClock, signal, logger });
  const zone = new ClusterZone(informers, flags.clusterDomain, flags.clusterDns);
  const own = new Set([flags.clusterDns, flags.address]);
  // Asking ourselves would go round in circles.
  const servers = async () =>
    (await readNameServers(flags.resolvConf)).filter((s) => !own.has(s)).map((host) => ({ host, port: UPSTREAM_PORT }));
  const registry = processRegistry();
  const forwarder = new Forwarder({ clock: systemClock, servers, stubs: stubDomains(flags) });
  let complete = false;
  const resolver = new Resolver({ zone, forwarder, observe: metrics(registry), complete: () => complete });
  const sync = (): void => {
    if (!complete) throw new Error('the names of the cluster are not known yet');
  };
  const health = await startHealthServer({ address: flags.healthAddress, checks: {}, ready: { sync }, registry });
  const server = await listen(flags, resolver, logger);
  const { nodeName, address, clusterDns } = flags;
  const registration = { client, clock: systemClock, logger, nodeName, address, port: server.port };
  try {
    await requireServer({ client, server: config.server, clock: systemClock, signal, logger });
    informers.start();
    await zone.synced(signal);
    complete = true;
    logger.info({ address: flags.address, port: server.port }, 'ready');
    await Promise.all([keepRegistered({ ...registration, clusterIp: clusterDns }, signal), aborted(signal)]);
  } finally {
    await server.close();
    await health.close();
    await client.close();
  }
}

await runMain(
  'dns',
  (program) =>
    program
      .description('Answers the names of Services and pods, and passes other questions on.')
      .requiredOption('--kubeconfig <file>', 'how to reach the API server')
      .option('--node-name <name>', 'the node this runs on', hostname())
      .requiredOption('--address <ip>', "address to listen on: one of the node's, reachable from its pods")
      .option('--port <port>', 'port to listen on, UDP and TCP', portFlag, 10_053)
      .option('--cluster-dns <ip>', 'address of the Service kube-dns, as pods are told', '10.96.0.10')
      .option('--cluster-domain <domain>', 'domain of the cluster', 'cluster.local')
      .option('--resolv-conf <file>', 'whose name servers are asked about everything else', '/etc/resolv.conf')
      .option(
        '--stub-domains <list>',
        'domains with name servers of their own: corp.lan=10.0.0.1,x.org=10.0.0.2:5353+10.0.0.3',
        keyValuesFlag,
        {},
      )
      .option(
        '--health-address <host:port>',
        'where /livez, /readyz and /metrics are served; empty: nowhere',
        '127.0.0.1:10258',
      ),
  run,
);
