import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import type { PodCgroups } from '#agent/cgroups/pod-cgroups.ts';
import { PluginNetworks } from '#agent/cni/plugin-networks.ts';
import { CniPlugins } from '#agent/cni/plugins.ts';
import { CniState } from '#agent/cni/state.ts';
import { DeviceManager } from '#agent/devices/device-manager.ts';
import { Eviction } from '#agent/eviction/eviction.ts';
import { LocalStorage } from '#agent/eviction/local-storage.ts';
import { ImageGc } from '#agent/images/image-gc.ts';
import { Images } from '#agent/images/images.ts';
import { PullSecrets } from '#agent/images/pull-secrets.ts';
import { forPods, type NodeFacts } from '#agent/node/facts.ts';
import type { NodeNews } from '#agent/node/node-events.ts';
import { NodeRegistration } from '#agent/node/registration.ts';
import { NodeShutdown, SHUTTING_DOWN, shutdownRefusal } from '#agent/node/shutdown.ts';
import { AdmittedPods } from '#agent/pods/admitted-pods.ts';
import { portsOf } from '#agent/pods/container-config.ts';
import { MirrorPods } from '#agent/pods/mirror-pods.ts';
import { PodManager } from '#agent/pods/pod-manager.ts';
import { PREEMPTED } from '#agent/pods/preemption.ts';
import { StaticPods } from '#agent/pods/static-pods.ts';
import { Prober } from '#agent/probes/prober.ts';
import { ensureBridgeNetwork } from '#agent/runtime/docker-network.ts';
import { StatusPublisher } from '#agent/status/publisher.ts';
import { NodeRoot } from '#agent/volumes/node-root.ts';
import { PodObjects } from '#agent/volumes/objects.ts';
import { Volumes } from '#agent/volumes/volumes.ts';
import { type Node, Nodes, type Pod, type Service, Services } from '#api/kinds/index.ts';
import { ofFamily } from '#api/meta/families.ts';
import { contains, parseNetwork } from '#api/meta/ip.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { createRateLimit } from '#async/rate-limit.ts';
import { abortable } from '#async/signals.ts';
import { createEventRecorder } from '#client/events.ts';
import type { EventRecorder, Informer } from '#client/types.ts';
import { POD_BRIDGE } from '#network/bridge.ts';
import { forgetPodFlows } from '#network/pod-flows.ts';
import { type NetworkBackend, PodNetwork } from '#network/pod-network.ts';
import { PolicyEnforcer } from '#network/policy/enforcer.ts';
import { systemExec } from '#process/exec.ts';
import { UserError } from '#process/main.ts';
import { NftSession } from '#process/nft-session.ts';
import { nftOnce } from '#process/nftables.ts';
import { type Base, DOCKER_NETWORK } from './base.ts';
import type { Flags } from './flags.ts';
import { makesNetwork } from './network-access.ts';

const NODE_MS = 8_000;

/** What the agent watches besides its pods, and where it tells what happens. */
interface Watched {
  readonly events: EventRecorder;
  readonly services: Informer<Service>;
  readonly nodes: Informer<Node>;
  /** This node, as far as it is known. */
  node(): Stored<Node> | undefined;
}

/** The network of the pods; without a backend, Docker's own is used as it is, or that of plugins. */
interface Network {
  readonly network: PodNetwork;
  readonly policies: PolicyEnforcer;
  readonly networked: boolean;
  readonly networks: PluginNetworks;
}

/** The parts that run. */
export interface Parts extends Watched, Network {
  readonly prober: Prober;
  readonly objects: PodObjects;
  readonly volumes: Volumes;
  readonly devices: DeviceManager;
  readonly imageGc: ImageGc;
  readonly eviction: Eviction;
  readonly shutdown: NodeShutdown;
  readonly manager: PodManager;
  readonly statics: StaticPods | undefined;
  readonly registration: NodeRegistration;
  /** Writes the node's status now. */
  report(): void;
}

function watched({ f, client, clock, informers, logger }: Base): Watched {
  const nodes = informers.informer(Nodes, { fieldSelector: `metadata.name=${f.nodeName}` });
  return {
    events: createEventRecorder({
      ...{ client, clock, component: 'kubelet', host: f.nodeName, logger },
      rate: createRateLimit({ clock, perSecond: f.eventQps, burst: f.eventBurst }),
    }),
    services: informers.informer(Services),
    nodes,
    node: () => nodes.lister.get(f.nodeName),
  };
}

/** @throws UserError when the route to the other nodes would be lost to the pods. */
function refuseOverlap(clusterCidrs: readonly string[], nodeIps: readonly string[]): void {
  for (const cidr of clusterCidrs) {
    const inside = nodeIps.find((ip) => contains(parseNetwork(cidr), ip));
    if (inside === undefined) continue;
    throw new UserError(
      `--cluster-cidr ${cidr} contains the address of this node, ${inside}: pods need a network of their own`,
    );
  }
}

function networkOf(
  { f, networkInformers, pods, client, clock, logger, runtime }: Base,
  o: { nodeIps: readonly string[]; changed: () => void },
): Network {
  const networked = makesNetwork(f);
  if (networked) refuseOverlap(f.clusterCidr, o.nodeIps);
  const common = { informers: networkInformers, exec: systemExec, clock, logger, nodeName: f.nodeName };
  const ensureBridge = (cidrs: readonly string[], mtu: number | undefined) =>
    ensureBridgeNetwork(runtime.docker, { network: DOCKER_NETWORK, bridge: POD_BRIDGE, cidrs, mtu, node: f.nodeName });
  return {
    network: new PodNetwork({
      ...{ ...common, clusterCidrs: f.clusterCidr, ensureBridge, nodeIp: ofFamily('IPv4', o.nodeIps) ?? '' },
      backend: f.networkBackend as NetworkBackend,
    }),
    policies: new PolicyEnforcer({ ...common, own: pods, changes: new NftSession({ once: nftOnce(systemExec) }) }),
    networked,
    networks: new PluginNetworks({
      plugins: new CniPlugins({ exec: systemExec, binDirs: f.cniBinDir.split(':').filter(Boolean) }),
      state: new CniState(join(f.rootDir, 'networks')),
      ...{ confDir: f.cniConfDir, client, clock, logger, changed: o.changed },
      pidOf: (id) => runtime.pidOf(id),
    }),
  };
}

function volumesOf({ f, clock, logger }: Base, { node }: Watched, objects: PodObjects): Volumes {
  return new Volumes({
    rootDir: f.rootDir,
    node: new NodeRoot(f.hostRoot),
    objects,
    exec: systemExec,
    clock,
    logger,
    allocatable: () => node()?.status?.allocatable ?? {},
  });
}

function devicesOf({ f, clock, logger, late }: Base, changed: () => void): DeviceManager {
  return new DeviceManager({
    dir: new NodeRoot(f.hostRoot).at(f.devicePluginDir),
    file: join(f.rootDir, 'devices.json'),
    clock,
    logger,
    alive: () => new Set(late.manager?.running.map((p) => p.metadata.uid)),
    changed,
  });
}

function imageGcOf({ f, runtime, pods, stats, clock, logger }: Base): ImageGc {
  return new ImageGc({
    runtime,
    pods: pods.lister,
    clock,
    logger,
    pauseImage: f.pauseImage,
    disk: () => stats.imageDisk(),
    highPercent: f.imageGcHighThreshold,
    lowPercent: f.imageGcLowThreshold,
    minAgeMs: f.minimumImageTtlDuration,
  });
}

/** What all pods may have together. */
export const podsShare = ({ systemReserved, kubeReserved }: Flags) =>
  forPods([systemReserved, kubeReserved], { cpuMilli: cpus().length * 1000, memoryBytes: totalmem() });

function evictionOf(
  base: Base,
  parts: Pick<Parts, 'volumes' | 'imageGc' | 'report' | 'events'>,
  cgroups: PodCgroups | undefined,
): Eviction {
  const { f, checked, stats, pods, runtime, view, clock, logger, late } = base;
  const { volumes, imageGc } = parts;
  const volumeDir = (uid: string, name: string) => volumes.volumeDir(uid, name);

  return new Eviction({
    stats,
    pods: pods.lister,
    thresholds: checked.thresholds,
    reclaims: checked.reclaims,
    allocatableMemory: async () => {
      const [capacity, used] = [podsShare(f).memoryBytes, await cgroups?.workingSet()];
      return used === undefined ? undefined : { capacity, available: Math.max(0, capacity - used) };
    },
    transitionMs: f.evictionPressureTransitionPeriod,
    clock,
    logger,
    exec: systemExec,
    podDir: (uid) => volumes.podDir(uid),
    storage: new LocalStorage({ runtime, view, exec: systemExec, volumeDir }),
    maxPodGraceSeconds: f.evictionMaxPodGracePeriod,
    evict: (uid, failure) => late.manager?.evict(uid, failure),
    ending: (uid) => late.manager?.ending(uid) ?? true,
    cleaned: (uid) => late.manager?.cleaned(uid) ?? true,
    reclaimDisk: async () => (await late.manager?.removeSpent()) || imageGc.reclaim(),
    changed: () => parts.report(),
    reclaiming: (resource) => {
      const message = `Attempting to reclaim ${resource}`;
      tellerOf(base, parts)({ type: 'Warning', reason: 'EvictionThresholdMet', message });
    },
  });
}

/** What is found out about the machine first. */
export interface Machine {
  readonly facts: NodeFacts;
  readonly cgroups: PodCgroups | undefined;
  readonly appArmor: boolean;
  readonly userNamespaces: boolean;
}

type Managed = Omit<Machine, 'facts'> & Omit<Parts, 'manager' | 'statics' | 'registration' | 'report' | 'imageGc'>;

function managerOf(
  base: Base,
  parts: Managed,
  { images, hostIps }: { images: Images; hostIps: readonly string[] },
): PodManager {
  const { f, client, runtime, view, clock, logger, signal, pods, wake, late } = base;
  const { networked, network, networks, policies, services, node } = parts;
  return new PodManager(
    {
      ...{ client, runtime, view, images, clock, logger, node, hostIps },
      cgroups: parts.cgroups,
      appArmor: parts.appArmor,
      userNamespaces: parts.userNamespaces,
      admitted: new AdmittedPods({
        node,
        freshNode: () => client.get(Nodes, f.nodeName, undefined, { timeoutMs: NODE_MS }),
        running: () => late.manager?.running ?? [],
        uncounted: (resource) => resource in parts.devices.amounts.capacity,
        preempt: async ({ metadata: { uid } }) => {
          late.manager?.evict(uid, PREEMPTED);
          // Not until the API knows: what is to be admitted may be what brings it back.
          await late.manager?.down(uid, signal);
        },
      }),
      prober: parts.prober,
      publisher: new StatusPublisher({ client, clock, logger, signal, stale: wake }),
      volumes: parts.volumes,
      devices: parts.devices,
      networks,
      links: networked ? network.links : undefined,
      objects: parts.objects,
      events: parts.events,
      services: services.lister,
      pods: pods.lister,
      nodeName: f.nodeName,
      nodeMemory: totalmem(),
      backOffResetMs: f.restartBackOffReset,
      unsafeSysctls: f.allowedUnsafeSysctls,
      seccompDir: join(f.rootDir, 'seccomp'),
      dns: { clusterDns: f.clusterDns.split(',').filter(Boolean), clusterDomain: f.clusterDomain },
      pressures: () => parts.eviction.pressures,
      refusal: () => (parts.shutdown.begun ? shutdownRefusal : undefined),
      mirrors: new MirrorPods({ client, clock, logger, signal, pods: pods.lister, node }),
      networkReady: async () => {
        if (networked) await abortable(network.ready(), signal);
        else if (networks.problem) throw new Error(networks.problem);
      },
      addressesOf: async (id) => {
        const found = await runtime.addressesOf(id);
        return networked ? network.keepOwn(found, () => runtime.pidOf(id)) : found;
      },
      attached: async (pod, ips) => {
        if (!networked) return;
        // Who is linked by us was seen to, and nobody speaks to himself before he runs.
        if (portsOf(pod).length > 0)
          network.allowHairpin().catch((err: unknown) => logger.warn({ err }, 'pods may not reach themselves'));
        await policies.attached(pod, ips);
      },
      leaving: (ips) =>
        forgetPodFlows(systemExec, ips).catch((err: unknown) =>
          logger.warn({ err, ips }, 'the connections to a pod that ended are left to Docker'),
        ),
    },
    pods,
  );
}

/** Tells what becomes of the node; its name stands for its UID, as the kubelet has it. */
const tellerOf =
  ({ f: { nodeName } }: Base, { events }: Pick<Parts, 'events'>) =>
  ({ type, reason, message }: NodeNews): void => {
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: nodeName, uid: nodeName } };
    events.event(node, type, reason, message);
  };

const readiness = (problem: string | undefined) =>
  problem ? { ready: false, message: problem } : { ready: true, message: 'kubelet is posting ready status' };

function networkProblem({ networked, network, networks }: Network): string | undefined {
  const problem = networked && !network.isReady ? 'the node has no pod CIDR yet' : networks.problem;
  return problem && `container runtime network not ready: ${problem}`;
}

function registrationOf(
  base: Base,
  parts: Network & Pick<Parts, 'eviction' | 'shutdown' | 'devices' | 'events'>,
  facts: NodeFacts,
  images: Images,
) {
  const { f, client, clock, logger } = base;
  const { eviction, shutdown, devices } = parts;
  return new NodeRegistration({
    client,
    clock,
    logger,
    facts,
    leaseSeconds: f.nodeLeaseDuration,
    tell: tellerOf(base, parts),
    devices: () => devices.amounts,
    images: () => images.list(),
    readiness: () => ({
      ...readiness(shutdown.begun ? SHUTTING_DOWN : networkProblem(parts)),
      pressures: [...eviction.pressures],
    }),
  });
}

/** Puts the agent together; nothing runs yet. */
export function partsOf(base: Base, { facts, ...machine }: Machine): Parts {
  const { f, client, clock, logger, runtime, late, wake } = base;
  const seen = watched(base);
  const prober = new Prober({ runtime, clock, events: seen.events, changed: wake });
  const objects = new PodObjects({ client, clock, logger, changed: (uid) => late.manager?.sourceChanged(uid) });
  const secrets = new PullSecrets({ secret: (ns, name) => objects.secretObject(ns, name), rootDir: f.rootDir, logger });
  const credentials = (pod: Stored<Pod>, image: string) => secrets.find(pod, image);
  const images = new Images({
    runtime,
    clock,
    events: seen.events,
    credentials,
    parallelPulls: f.maxParallelImagePulls,
    pullRate: createRateLimit({ clock, perSecond: f.registryQps, burst: f.registryBurst }),
  });
  const volumes = volumesOf(base, seen, objects);
  const imageGc = imageGcOf(base);
  const report = (): void => {
    registration
      .report()
      .catch((err: unknown) => logger.debug({ err }, 'the report will follow with the next heartbeat'));
  };
  const network = networkOf(base, { nodeIps: facts.ips, changed: report });
  const devices = devicesOf(base, report);
  const eviction = evictionOf(base, { ...seen, volumes, imageGc, report }, machine.cgroups);
  const shutdown = new NodeShutdown({
    stages: base.checked.shutdownStages,
    pods: () => late.manager?.running ?? [],
    end: (uid, failure) => late.manager?.evict(uid, failure),
    ended: async (uid, signal) => late.manager?.ended(uid, signal),
    report: () => registration.report(),
    clock,
    logger,
  });
  const managed = { ...machine, ...seen, ...network, prober, objects, volumes, devices, eviction, shutdown };
  const manager = managerOf(base, managed, { images, hostIps: facts.ips });
  late.manager = manager;
  const changed = (list: Parameters<PodManager['setStatic']>[0]): void => manager.setStatic(list);
  const statics = f.podManifestPath
    ? new StaticPods({ dir: f.podManifestPath, nodeName: f.nodeName, clock, logger, changed })
    : undefined;
  const registration = registrationOf(base, managed, facts, images);
  const tell = tellerOf(base, seen);
  tell({ type: 'Normal', reason: 'Starting', message: 'Starting kubelet.' });
  if (machine.cgroups && f.enforceNodeAllocatable) {
    const message = 'Updated Node Allocatable limit across pods';
    tell({ type: 'Normal', reason: 'NodeAllocatableEnforced', message });
  }
  seen.nodes.addHandlers({ onAdd: (n) => registration.seen(n), onUpdate: (_old, n) => registration.seen(n) });
  return { ...managed, imageGc, manager, statics, registration, report };
}
