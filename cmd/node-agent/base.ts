import { mkdirSync, readFileSync } from 'node:fs';
import {
  ofAllocatable,
  parseReclaims,
  parseThresholds,
  type Reclaims,
  softThresholds,
  type Threshold,
} from '#agent/eviction/thresholds.ts';
import { hostAddress, maySysResource } from '#agent/node/facts.ts';
import { type ShutdownStage, stagesByPriority, stagesOf } from '#agent/node/shutdown.ts';
import type { PodManager } from '#agent/pods/pod-manager.ts';
import { DockerRuntime } from '#agent/runtime/docker.ts';
import { OomLog } from '#agent/runtime/oom-log.ts';
import { RuntimeView } from '#agent/runtime/view.ts';
import type { ServingCertificate } from '#agent/server/server.ts';
import { NodeStats } from '#agent/stats/node-stats.ts';
import { UsageReader } from '#agent/stats/usage.ts';
import { NodeRoot } from '#agent/volumes/node-root.ts';
import { type Pod, Pods } from '#api/kinds/index.ts';
import { type Clock, systemClock } from '#async/clock.ts';
import { createClient } from '#client/client.ts';
import { createInformerFactory } from '#client/informer-factory.ts';
import { loadKubeconfig } from '#client/kubeconfig.ts';
import type { Client, Informer, InformerFactory } from '#client/types.ts';
import { NETWORK_BACKENDS } from '#network/pod-network.ts';
import { type MainContext, UserError } from '#process/main.ts';
import { startingCertificate } from './certificates.ts';
import type { Flags } from './flags.ts';
import { makesNetwork, networkKubeconfig } from './network-access.ts';

/** Docker's network of the pods. */
export const DOCKER_NETWORK = 'coxswain';

/** What the flags point at. */
export interface Checked {
  readonly tls: ServingCertificate;
  readonly clientCa: Buffer;
  readonly thresholds: readonly Threshold[];
  readonly reclaims: Reclaims;
  readonly shutdownStages: readonly ShutdownStage[];
}

/** What every part of the agent is built from. */
export interface Base {
  readonly f: Flags;
  readonly checked: Checked;
  readonly logger: MainContext['logger'];
  /** Aborts when the agent itself stops: after the pods, when the node shuts down. */
  readonly signal: AbortSignal;
  readonly stop: (reason: unknown) => void;
  readonly clock: Clock;
  /** URL of the API server. */
  readonly server: string;
  /** Where the client certificate comes from, when that is a file. */
  readonly certFile: string | undefined;
  readonly client: Client;
  readonly informers: InformerFactory;
  /** Those of the pods' network, which reads what a node may not; never started without one of ours. */
  readonly networkInformers: InformerFactory;
  /** The pods of this node. */
  readonly pods: Informer<Pod>;
  readonly runtime: DockerRuntime;
  readonly view: RuntimeView;
  readonly stats: NodeStats;
  /**
   * What is known only later: the manager is made last, of parts that wake its pods; Docker's folder is told by Docker, and is
   * not here when this process cannot see it.
   */
  readonly late: { manager?: PodManager; imageDir?: string };
  wake(uid: string): void;
  /** Ends the connections to the API server. */
  close(): Promise<void>;
}

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

/** A value that is wrong is a matter of its flag. */
function told<T>(flag: string, read: () => T): T {
  try {
    return read();
  } catch (e) {
    throw new UserError(`${flag}: ${(e as Error).message}`);
  }
}

function shutdownStages(f: Flags): ShutdownStage[] {
  const byPriority = f.shutdownGracePeriodByPodPriority;
  const total = f.shutdownGracePeriod;
  if (Object.keys(byPriority).length > 0) {
    if (total > 0)
      throw new UserError('--shutdown-grace-period and --shutdown-grace-period-by-pod-priority exclude each other');
    return told('--shutdown-grace-period-by-pod-priority', () => stagesByPriority(byPriority));
  }
  return told('--shutdown-grace-period-critical-pods', () => stagesOf(total, f.shutdownGracePeriodCriticalPods));
}

/** Where others reach the node, its primary family's address first. */
export const addressesOf = (f: Flags): readonly string[] => f.nodeIp ?? [hostAddress()];

/** Names and addresses of the node, as its server's certificate has them. */
export const hostsOf = (f: Flags): string[] => [f.nodeName, ...addressesOf(f)];

async function servingCertificate(f: Flags): Promise<ServingCertificate> {
  const { tlsCertFile: cert, tlsPrivateKeyFile: key } = f;
  if ((cert === undefined) !== (key === undefined))
    throw new UserError('--tls-cert-file and --tls-private-key-file are given together or not at all');
  if (cert === undefined || key === undefined) return startingCertificate(f, hostsOf(f), systemClock.now());
  return { cert: read('--tls-cert-file', cert), key: read('--tls-private-key-file', key) };
}

async function check(f: Flags): Promise<Checked> {
  if (f.networkBackend !== 'none' && !(NETWORK_BACKENDS as readonly string[]).includes(f.networkBackend)) {
    throw new UserError(
      `--network-backend ${f.networkBackend} is not known; use ${NETWORK_BACKENDS.join(', ')} or none`,
    );
  }
  const hard = told('--eviction-hard', () => parseThresholds(f.evictionHard));
  return {
    tls: await servingCertificate(f),
    clientCa: read('--client-ca-file', f.clientCaFile),
    thresholds: [
      ...hard,
      ...(f.enforceNodeAllocatable ? ofAllocatable(hard) : []),
      ...told('--eviction-soft', () => softThresholds(f.evictionSoft, f.evictionSoftGracePeriod)),
    ],
    reclaims: told('--eviction-minimum-reclaim', () => parseReclaims(f.evictionMinimumReclaim)),
    shutdownStages: shutdownStages(f),
  };
}

function dockerRuntime(f: Flags, logger: MainContext['logger']): DockerRuntime {
  const mayLowerOomScore = maySysResource();
  if (!mayLowerOomScore)
    logger.warn(
      'this host does not grant CAP_SYS_RESOURCE: OOM scores below 0 become 0, privileged containers lack that capability',
    );
  const oomLog = OomLog.open();
  if (!oomLog) logger.warn('the kernel log cannot be read: of processes killed for want of memory Docker misses a few');
  const settings = {
    node: f.nodeName,
    pauseImage: f.pauseImage,
    network: DOCKER_NETWORK,
    cgroupParent: f.cgroupRoot,
    mayLowerOomScore,
    logs: { maxBytes: f.containerLogMaxSize, maxFiles: f.containerLogMaxFiles },
    podPidsLimit: f.podMaxPids,
    atNode: (path: string) => new NodeRoot(f.hostRoot).at(path),
  };
  return new DockerRuntime(socketOf(f.dockerHost), settings, oomLog);
}

/** Checks the flags and makes what needs nobody else's answer. @throws UserError */
export async function baseOf(f: Flags, logger: MainContext['logger']): Promise<Base> {
  const stopping = new AbortController();
  const { signal } = stopping;
  const stop = (reason: unknown): void => stopping.abort(reason);
  const checked = await check(f);
  mkdirSync(f.rootDir, { recursive: true });
  const clock = systemClock;
  const runtime = dockerRuntime(f, logger);
  const config = await loadKubeconfig(f.kubeconfig);
  const client = createClient({ ...config, userAgent: 'kubelet', logger });
  const networkConfig = makesNetwork(f) ? await networkKubeconfig(f, config) : undefined;
  const network = networkConfig && createClient({ ...networkConfig, userAgent: 'coxswain-network', logger });
  const watching = { clock, signal, logger, consistentStart: true };
  const informers = createInformerFactory({ client, ...watching });
  const networkInformers = createInformerFactory({ client: network ?? client, ...watching });
  const pods = informers.informer(Pods, { fieldSelector: `spec.nodeName=${f.nodeName}` });
  const late: Base['late'] = {};
  const wake = (uid: string): void => late.manager?.wake(uid);
  const view = new RuntimeView({ runtime, clock, logger, changed: wake });
  const usage = new UsageReader({ runtime, clock });
  const imageDir = (): string => late.imageDir ?? f.rootDir;
  const { nodeName, rootDir } = f;
  const stats = new NodeStats({ nodeName, rootDir, imageDir, view, pods: pods.lister, usage, clock });
  const { server, certFiles } = config;
  const certFile = certFiles?.cert;
  return {
    f,
    certFile,
    checked,
    logger,
    signal,
    stop,
    clock,
    server,
    client,
    informers,
    networkInformers,
    pods,
    runtime,
    view,
    stats,
    late,
    wake,
    close: async () => {
      await Promise.all([client.close(), network?.close()]);
    },
  };
}
