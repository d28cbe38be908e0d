import { BlockList, isIPv4 } from 'node:net';
import { hostname } from 'node:os';
import { Counter, Gauge, type Registry } from 'prom-client';
import { systemClock } from '#async/clock.ts';
import { createClient } from '#client/client.ts';
import { createEventRecorder } from '#client/events.ts';
import { createInformerFactory } from '#client/informer-factory.ts';
import { loadKubeconfig } from '#client/kubeconfig.ts';
import { requireServer } from '#client/reachable.ts';
import { AccessLog } from '#ingress/access-log.ts';
import { IngressController } from '#ingress/controller.ts';
import { Endpoints } from '#ingress/endpoints.ts';
import { Front } from '#ingress/proxy/front.ts';
import { type Listeners, listen } from '#ingress/proxy/listeners.ts';
import type { Certificate } from '#ingress/rules/certificates.ts';
import { startHealthServer } from '#process/health.ts';
import { cidrFlag, type MainContext, portFlag, runMain, UserError } from '#process/main.ts';
import { processRegistry } from '#process/metrics.ts';

interface Flags {
  kubeconfig: string;
  nodeName: string;
  address: string;
  httpPort: number;
  httpsPort: number;
  ingressClass: string;
  defaultTlsSecret?: string;
  trustedProxies: string[];
  accessLog: string;
  healthAddress: string;
}

function metrics(registry: Registry, active: () => number) {
  const answers = new Counter({
    name: 'ingress_responses_total',
    help: 'Answers, by HTTP status code; 0: the client left before there was one.',
    labelNames: ['code'],
    registers: [registry],
  });
  new Gauge({
    name: 'ingress_requests_active',
    help: 'Requests under way.',
    registers: [registry],
    collect() {
      this.set(active());
    },
  });
  // Found once for each code: it takes longer than to count.
  const counters = new Map<number, ReturnType<typeof answers.labels>>();
  return (code: number): void => {
    let counter = counters.get(code);
    if (!counter) {
      counter = answers.labels({ code });
      counters.set(code, counter);
    }
    counter.inc();
  };
}

function trustedPeers(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', bits = ''] = range.split('/');
    list.addSubnet(address, Number(bits), isIPv4(address) ? 'ipv4' : 'ipv6');
  }
  return list;
}

async function openLog(file: string): Promise<AccessLog> {
  try {
    return await AccessLog.open(file, systemClock);
  } catch (e) {
    throw new UserError(`--access-log ${file} cannot be written: ${(e as Error).message}`);
  }
}

async function run(flags: Flags, { logger, signal }: MainContext): Promise<void> {
  const config = await loadKubeconfig(flags.kubeconfig);
  const log = await openLog(flags.accessLog);
  const client = createClient({ ...config, userAgent: 'ingress', logger });
  const informers = createInformerFactory({ client, clock: systemClock, signal, logger });
  const events = createEventRecorder({
    client,
    clock: systemClock,
    component: 'ingress',
    host: flags.nodeName,
    logger,
  });
  const endpoints = new Endpoints(informers, systemClock);
  const registry = processRegistry();
  let listeners: Listeners | undefined;
  let fallback: Certificate | undefined;
  const controller = new IngressController({
    ...{ informers, client, events, clock: systemClock, logger, endpoints },
    nodeName: flags.nodeName,
    className: flags.ingressClass,
    defaultSecret: flags.defaultTlsSecret,
    onDefaultCertificate: (certificate) => {
      if (certificate !== fallback) listeners?.setDefault(certificate);
      fallback = certificate;
    },
  });
  let complete = false;
  const front: Front = new Front({
    ...{ endpoints, clock: systemClock, log, httpPort: flags.httpPort, httpsPort: flags.httpsPort },
    trusted: trustedPeers(flags.trustedProxies),
    routes: () => (complete ? controller.rules.routes : undefined),
    observe: metrics(registry, () => front.active),
  });
  const sync = (): void => {
    if (!complete) throw new Error('the Ingresses of the cluster are not known yet');
  };
  const health = await startHealthServer({ address: flags.healthAddress, checks: {}, ready: { sync }, registry });
  try {
    // Ports first: one that is taken is told before anything else is done.
    listeners = await listen({
      ...{ front, clock: systemClock, address: flags.address },
      ...{ httpPort: flags.httpPort, httpsPort: flags.httpsPort },
      certificate: (name) => controller.rules.serverNames.find(name) ?? fallback,
    });
    await requireServer({ client, server: config.server, clock: systemClock, signal, logger });
    informers.start();
    await controller.synced(signal);
    complete = true;
    logger.info({ http: listeners.httpPort, https: listeners.httpsPort }, 'ready');
    await controller.run(signal);
  } finally {
    await listeners?.close();
    endpoints.close();
    await Promise.all([log.flush(), events.flush(), health.close()]);
    await client.close();
  }
}

const secretFlag = (text: string): string => {
  if (!/^[^/]+\/[^/]+$/.test(text)) throw new UserError('--default-tls-secret must be namespace/name');
  return text;
};
const rangesFlag = (text: string): string[] => text.split(',').filter(Boolean).map(cidrFlag);

await runMain(
  'ingress',
  (program) =>
    program
      .description('Leads HTTP requests from outside to the pods of Services, as Ingress objects say.')
      .requiredOption('--kubeconfig <file>', 'how to reach the API server')
      .option('--node-name <name>', 'the node this runs on; clients are told its address', hostname().toLowerCase())
      .option('--address <ip>', 'address to listen on; empty: all', '')
      .option('--http-port <port>', 'port for HTTP', portFlag, 80)
      .option('--https-port <port>', 'port for HTTPS: HTTP/2 and HTTP/1.1', portFlag, 443)
      .option(
        '--ingress-class <name>',
        'IngressClass made at the start unless there is one for this program',
        'coxswain',
      )
      .option('--default-tls-secret <namespace/name>', 'certificate for hosts that have none of their own', secretFlag)
      .option(
        '--trusted-proxies <cidrs>',
        'peers whose X-Forwarded-For and X-Forwarded-Proto are believed',
        rangesFlag,
        [],
      )
      .option('--access-log <file>', 'a line for each request; -: standard output, empty: none', '-')
      .option(
        '--health-address <host:port>',
        'where /livez, /readyz and /metrics are served; empty: nowhere',
        '127.0.0.1:10254',
      ),
  run,
);
