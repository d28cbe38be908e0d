import { mkdirSync, readFileSync } from 'node:fs';
import { hostname, totalmem } from 'node:os';
import { Registry } from 'prom-client';
import { Images } from '#agent/images/images.ts';
import { gatherFacts, hostAddress, maySysResource } from '#agent/node/facts.ts';
import { NodeRegistration } from '#agent/node/registration.ts';
import { PodManager } from '#agent/pods/pod-manager.ts';
import { Prober } from '#agent/probes/prober.ts';
import { DockerRuntime } from '#agent/runtime/docker.ts';
import { ensureBridgeNetwork } from '#agent/runtime/docker-network.ts';
import { DockerStreams } from '#agent/runtime/docker-streams.ts';
import { RuntimeView } from '#agent/runtime/view.ts';
import { startAgentServer } from '#agent/server/server.ts';
import { StatusPublisher } from '#agent/status/publisher.ts';
import { PodObjects } from '#agent/volumes/objects.ts';
import { Volumes } from '#agent/volumes/volumes.ts';
import { Nodes, Pods, Services } from '#api/kinds/index.ts';
import { systemClock } from '#async/clock.ts';
import { createClient } from '#client/client.ts';
import { createEventRecorder } from '#client/events.ts';
import { createInformerFactory } from '#client/informer-factory.ts';
import { loadKubeconfig } from '#client/kubeconfig.ts';
import { requireServer } from '#client/reachable.ts';
import { BRIDGE, HostGateway } from '#network/host-gw.ts';
import { systemExec } from '#process/exec.ts';
import { startHealthServer } from '#process/health.ts';
import {
  cidrFlag,
  intFlag,
  intRangeFlag,
  keyValuesFlag,
  type MainContext,
  portFlag,
  runMain,
  UserError,
} from '#process/main.ts';

interface Flags {
  kubeconfig: string;
  nodeName: string;
  nodeIp?: string;
  dockerHost: string;
  rootDir: string;
  tlsCertFile: string;
  tlsPrivateKeyFile: string;
  clientCaFile: string;
  address: string;
  port: number;
  pauseImage: string;
  clusterDns: string;
  clusterDomain: string;
  clusterCidr: string;
  networkBackend: string;
  cgroupRoot: string;
  maxPods: number;
  nodeLabels: Record<string, string>;
  healthAddress: string;
  nodeLeaseDuration: number;
}

const DOCKER_NETWORK = 'coxswain';

function read(flag: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (e) {
    throw new UserError(`${flag}: cannot read ${path} (${(e as NodeJS.ErrnoException).code})`);
  }
}

function socketOf(dockerHost: string): string {
  if (!dockerHost.startsWith('unix://'))
    throw new UserError(`--docker-host ${dockerHost} must be unix:///path/to/docker.sock`);
  return dockerHost.slice('unix://'.length);
}

async function run(f: Flags, { logger, signal }: MainContext): Promise<void> {
  if (f.networkBackend !== 'host-gw' && f.networkBackend !== 'none') {
    throw new UserError(`--network-backend ${f.networkBackend} is not known; use host-gw or none`);
  }
  const tls = {
    cert: read('--tls-cert-file', f.tlsCertFile),
    key: read('--tls-private-key-file', f.tlsPrivateKeyFile),
  };
  const clientCa = read('--client-ca-file', f.clientCaFile);
  mkdirSync(f.rootDir, { recursive: true });
  const clock = systemClock;
  const hostIp = f.nodeIp ?? hostAddress();
  const mayLowerOomScore = maySysResource();
  if (!mayLowerOomScore)
    logger.warn(
      'this host does not grant CAP_SYS_RESOURCE: OOM scores below 0 become 0, privileged containers lack that capability',
    );
  const runtime = new DockerRuntime(socketOf(f.dockerHost), {
    node: f.nodeName,
    pauseImage: f.pauseImage,
    network: DOCKER_NETWORK,
    cgroupParent: f.cgroupRoot,
    mayLowerOomScore,
  });
  const config = await loadKubeconfig(f.kubeconfig);
  const client = createClient({ ...config, userAgent: 'kubelet', logger });
  const health = await startHealthServer({ address: f.healthAddress, checks: {}, registry: new Registry() });
  await requireServer({ client, server: config.server, clock, signal });
  const facts = await gatherFacts(runtime, {
    name: f.nodeName,
    ip: hostIp,
    port: f.port,
    labels: f.nodeLabels,
    maxPods: f.maxPods,
    rootDir: f.rootDir,
  }).catch((e: Error) => {
    throw new UserError(`Docker does not answer at ${f.dockerHost}: ${e.message}`);
  });
  const informers = createInformerFactory({ client, clock, signal, logger, consistentStart: true });
  const events = createEventRecorder({ client, clock, component: 'kubelet', host: f.nodeName, logger });
  const pods = informers.informer(Pods, { fieldSelector: `spec.nodeName=${f.nodeName}` });
  const services = informers.informer(Services);
  const nodes = informers.informer(Nodes);

  const network = new HostGateway({
    informers,
    exec: systemExec,
    clock,
    logger,
    nodeName: f.nodeName,
    clusterCidr: f.clusterCidr,
    ensureBridge: (cidr) =>
      ensureBridgeNetwork(runtime.docker, { network: DOCKER_NETWORK, bridge: BRIDGE, cidr, node: f.nodeName }),
  });
  const networked = f.networkBackend !== 'none';
  const images = new Images({ runtime, clock, events });
  let manager: PodManager | undefined;
  const wake = (uid: string): void => manager?.wake(uid);
  const view = new RuntimeView({ runtime, clock, logger, changed: wake });
  const prober = new Prober({ runtime, clock, events, changed: wake });
  const publisher = new StatusPublisher({ client, clock, logger, signal });
  const objects = new PodObjects(client, clock);
  const node = () => nodes.lister.get(f.nodeName);
  const volumes = new Volumes({
    rootDir: f.rootDir,
    objects,
    exec: systemExec,
    clock,
    allocatable: () => node()?.status?.allocatable ?? {},
  });
  manager = new PodManager(
    {
      client,
      runtime,
      view,
      images,
      prober,
      publisher,
      volumes,
      objects,
      events,
      clock,
      logger,
      services: services.lister,
      node,
      nodeName: f.nodeName,
      hostIp,
      nodeMemory: totalmem(),
      dns: { clusterDns: f.clusterDns.split(',').filter(Boolean), clusterDomain: f.clusterDomain },
      networkReady: () => (networked ? network.ready() : Promise.resolve()),
      attached: () => network.allowHairpin(),
    },
    pods,
  );
  const registration = new NodeRegistration({
    client,
    clock,
    logger,
    facts,
    leaseSeconds: f.nodeLeaseDuration,
    images: () => images.list(),
    readiness: () =>
      !networked || network.isReady
        ? { ready: true, message: 'kubelet is posting ready status' }
        : { ready: false, message: 'container runtime network not ready: the node has no pod CIDR yet' },
  });
  nodes.addHandlers({ onAdd: (n) => registration.seen(n), onUpdate: (_old, n) => registration.seen(n) });
  const server = await startAgentServer({
    address: f.address,
    port: f.port,
    tls,
    clientCa,
    clock,
    log: logger,
    streams: new DockerStreams({ runtime, view, pods: pods.lister }),
  });
  try {
    await registration.register(signal);
    informers.start();
    const running = [registration.run(signal), ...(networked ? [network.run(signal)] : [])];
    if (networked)
      network
        .ready()
        .then(() => registration.report())
        .catch((err: unknown) => logger.debug({ err }, 'the report will follow with the next heartbeat'));
    await Promise.all([pods.synced(signal), services.synced(signal), view.load()]);
    await manager.start();
    logger.info({ node: f.nodeName, pods: manager.size }, 'running');
    await Promise.all([...running, view.run(signal)]);
  } finally {
    prober.close();
    await server.close();
    await health.close();
    await manager.drain();
    await client.close();
  }
}

await runMain(
  'node-agent',
  (program) =>
    program
      .description('Runs the pods of one node on Docker.')
      .requiredOption('--kubeconfig <file>', 'how to reach the API server')
      .option('--node-name <name>', 'name of the Node object', hostname().toLowerCase())
      .option('--node-ip <ip>', 'address other nodes reach this one at; default: the first that is not loopback')
      .option('--docker-host <url>', 'Docker socket', 'unix:///var/run/docker.sock')
      .option('--root-dir <dir>', 'where volumes and state of pods are kept', '/var/lib/coxswain/agent')
      .requiredOption('--tls-cert-file <file>', 'serving certificate')
      .requiredOption('--tls-private-key-file <file>', 'its key')
      .requiredOption('--client-ca-file <file>', 'CA of the clients that may ask for logs and exec')
      .option('--address <ip>', 'address to listen on', '0.0.0.0')
      .option('--port <port>', 'port to listen on', portFlag, 10250)
      .option('--pause-image <image>', 'image of the sandbox container', 'coxswain/pause:1')
      .option('--cluster-dns <ips>', "addresses of the cluster DNS, comma-separated; empty: the node's resolvers", '')
      .option('--cluster-domain <domain>', 'domain of the cluster', 'cluster.local')
      .option('--cluster-cidr <cidr>', 'the pod network', cidrFlag, '10.244.0.0/16')
      .option('--network-backend <name>', 'host-gw or none', 'host-gw')
      .option('--cgroup-root <path>', 'parent cgroup of all pods', '')
      .option(
        '--node-lease-duration <s>',
        'seconds the node counts as alive without a heartbeat',
        intRangeFlag(1, 3600),
        40,
      )
      .option('--max-pods <n>', 'how many pods this node takes', intFlag, 110)
      .option('--node-labels <list>', 'labels of the node, a=1,b=2', keyValuesFlag, {})
      .option(
        '--health-address <host:port>',
        'where /livez, /readyz and /metrics are served; empty: nowhere',
        '127.0.0.1:10248',
      ),
  run,
);
