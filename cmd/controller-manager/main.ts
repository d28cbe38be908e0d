import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Registry } from 'prom-client';
import { isIpv6Cidr } from '#api/meta/ip.ts';
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
import { SubnetPool } from '#controllers/nodeipam/cidrs.ts';
import { CONTROLLERS, type ControllerSettings, enabledControllers } from '#controllers/registry.ts';
import { type AddressPool, parsePools } from '#controllers/servicelb/pools.ts';
import { startHealthServer } from '#process/health.ts';
import {
  boolFlag,
  cidrsFlag,
  durationFlag,
  intFlag,
  intRangeFlag,
  keyValuesFlag,
  type MainContext,
  runMain,
  shareFlag,
  UserError,
} from '#process/main.ts';
import { processRegistry } from '#process/metrics.ts';

/**
 * Shorter than Kubernetes' (15 s and 10 s), with which the next one begins up to 18 s after a leader was killed: it is to
 * be 15 s at most. Nobody writes in the third between the two.
 */
const LEASE_MS = 12_000;
const RENEW_DEADLINE_MS = 8_000;

interface Flags {
  kubeconfig: string;
  leaderElect: boolean;
  leaderElectLeaseDuration: number;
  leaderElectRenewDeadline: number;
  leaderElectRetryPeriod: number;
  rootCaFile?: string;
  clusterSigningCertFile?: string;
  clusterSigningKeyFile?: string;
  clusterSigningKubeletServingCertFile?: string;
  clusterSigningKubeletServingKeyFile?: string;
  clusterSigningDuration: number;
  clusterCidr: readonly string[];
  nodeCidrMaskSize?: number;
  nodeCidrMaskSizeIpv4?: number;
  nodeCidrMaskSizeIpv6?: number;
  serviceClusterIpRange: readonly string[];
  allocateNodeCidrs: boolean;
  nodeMonitorGracePeriod: number;
  controllers: string;
  localPathDir: string;
  manifestsDir: string;
  localPathHelperImage: string;
  localPathStorageClass: string;
  horizontalPodAutoscalerSyncPeriod: number;
  horizontalPodAutoscalerDownscaleStabilization: number;
  horizontalPodAutoscalerInitialReadinessDelay: number;
  horizontalPodAutoscalerCpuInitializationPeriod: number;
  horizontalPodAutoscalerTolerance: number;
  loadBalancerPools: Record<string, string>;
  concurrentSyncs: number;
  healthAddress: string;
}

function readFlagged(flag: string, file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, 'utf8');
  } catch (e) {
    throw new UserError(`${flag}: cannot read ${file} (${(e as NodeJS.ErrnoException).code})`);
  }
}

function poolsOf(f: Flags): AddressPool[] {
  try {
    return parsePools(f.loadBalancerPools, [...f.clusterCidr, ...f.serviceClusterIpRange]);
  } catch (e) {
    throw new UserError(`--load-balancer-pools: ${(e as Error).message}`);
  }
}

/** "--node-cidr-mask-size" is for clusters of one address family, its two sisters for those of both. */
function subnetPools(f: Flags): SubnetPool[] {
  const dual = f.clusterCidr.length > 1;
  if (dual && f.nodeCidrMaskSize !== undefined) {
    throw new UserError(
      '--node-cidr-mask-size is for one address family: use --node-cidr-mask-size-ipv4 and --node-cidr-mask-size-ipv6',
    );
  }
  return f.clusterCidr.map((cidr) => {
    const mask = isIpv6Cidr(cidr)
      ? (f.nodeCidrMaskSizeIpv6 ?? f.nodeCidrMaskSize ?? 64)
      : (f.nodeCidrMaskSizeIpv4 ?? f.nodeCidrMaskSize ?? 24);
    try {
      return new SubnetPool(cidr, mask);
    } catch (e) {
      throw new UserError(`--cluster-cidr: ${(e as Error).message}`);
    }
  });
}

function authorityOf(flag: string, certFile: string | undefined, keyFile: string | undefined) {
  const cert = readFlagged(`${flag}-cert-file`, certFile);
  const key = readFlagged(`${flag}-key-file`, keyFile);
  if ((cert === undefined) !== (key === undefined))
    throw new UserError(`${flag}-cert-file and ${flag}-key-file are given together or not at all`);
  return cert !== undefined && key !== undefined ? { cert, key } : undefined;
}

function settingsOf(f: Flags): ControllerSettings {
  return {
    rootCa: readFlagged('--root-ca-file', f.rootCaFile),
    clusterSigning: {
      client: authorityOf('--cluster-signing', f.clusterSigningCertFile, f.clusterSigningKeyFile),
      serving: authorityOf(
        '--cluster-signing-kubelet-serving',
        f.clusterSigningKubeletServingCertFile,
        f.clusterSigningKubeletServingKeyFile,
      ),
      longestMs: f.clusterSigningDuration,
    },
    nodeMonitorGracePeriodMs: f.nodeMonitorGracePeriod,
    nodeSubnets: f.allocateNodeCidrs ? subnetPools(f) : [],
    serviceClusterIpRanges: f.serviceClusterIpRange,
    allocateNodeCidrs: f.allocateNodeCidrs,
    manifestsDir: f.manifestsDir,
    localPath: {
      dir: f.localPathDir.replace(/\/+$/, ''),
      helperImage: f.localPathHelperImage,
      storageClass: f.localPathStorageClass,
    },
    loadBalancerPools: poolsOf(f),
    autoscaler: {
      syncMs: f.horizontalPodAutoscalerSyncPeriod,
      downscaleStabilizationMs: f.horizontalPodAutoscalerDownscaleStabilization,
      initialReadinessMs: f.horizontalPodAutoscalerInitialReadinessDelay,
      cpuInitializationMs: f.horizontalPodAutoscalerCpuInitializationPeriod,
      tolerance: f.horizontalPodAutoscalerTolerance,
    },
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
  const health = processRegistry();
  const server = await startHealthServer({ address: f.healthAddress, checks: {}, registry: health });
  try {
    await requireServer({ client, server: config.server, clock: systemClock, signal, logger });
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
        LEASE_MS,
      )
      .option(
        '--leader-elect-renew-deadline <duration>',
        'give up leading when not renewed for this long',
        durationFlag,
        RENEW_DEADLINE_MS,
      )
      .option('--leader-elect-retry-period <duration>', 'time between tries', durationFlag, 2_000)
      .option('--root-ca-file <file>', 'CA of the API server, published in every namespace')
      .option(
        '--service-account-private-key-file <file>',
        'accepted for compatibility; tokens are signed by the API server',
      )
      .option('--cluster-signing-cert-file <file>', 'authority that signs client certificates')
      .option('--cluster-signing-key-file <file>', 'its key')
      .option(
        '--cluster-signing-kubelet-serving-cert-file <file>',
        "authority that signs certificates of the agents' servers",
      )
      .option('--cluster-signing-kubelet-serving-key-file <file>', 'its key')
      .option('--cluster-signing-duration <duration>', 'longest life of a certificate', durationFlag, 365 * 86_400_000)
      .option(
        '--cluster-cidr <cidrs>',
        'pod network that nodes get their subnets from, or one of each address family',
        cidrsFlag,
        ['10.244.0.0/16'],
      )
      .option('--node-cidr-mask-size <bits>', "size of a node's subnet; default: 24, IPv6 64", intRangeFlag(8, 126))
      .option('--node-cidr-mask-size-ipv4 <bits>', 'the same of IPv4', intRangeFlag(8, 30))
      .option('--node-cidr-mask-size-ipv6 <bits>', 'the same of IPv6', intRangeFlag(8, 126))
      .option('--service-cluster-ip-range <cidrs>', 'addresses of Services, which no node gets', cidrsFlag, [])
      .option('--allocate-node-cidrs [bool]', 'give nodes their subnets', boolFlag, true)
      .option(
        '--node-monitor-grace-period <duration>',
        'silence after which a node counts as unreachable',
        durationFlag,
        40_000,
      )
      .option(
        '--horizontal-pod-autoscaler-sync-period <duration>',
        'between two looks at what the pods of an autoscaler use',
        durationFlag,
        15_000,
      )
      .option(
        '--horizontal-pod-autoscaler-downscale-stabilization <duration>',
        'how long less must have been enough before pods are taken away',
        durationFlag,
        300_000,
      )
      .option(
        '--horizontal-pod-autoscaler-initial-readiness-delay <duration>',
        'how long the CPU use of a pod that became ready is not counted',
        durationFlag,
        30_000,
      )
      .option(
        '--horizontal-pod-autoscaler-cpu-initialization-period <duration>',
        'how long after its start a pod must be ready for its CPU use to be counted',
        durationFlag,
        300_000,
      )
      .option(
        '--horizontal-pod-autoscaler-tolerance <share>',
        'deviation from the target that is not acted on',
        shareFlag,
        0.1,
      )
      .option(
        '--local-path-dir <dir>',
        'folder on the nodes in which volumes of the provisioner local-path.coxswain.io lie',
        '/var/lib/coxswain/local-path',
      )
      .option('--local-path-helper-image <image>', 'image whose rm removes such a volume', 'coxswain/busybox:1')
      .option('--local-path-storage-class <name>', 'default StorageClass made for it; empty: none', '')
      .option(
        '--load-balancer-pools <list>',
        'addresses for Services of type LoadBalancer: lan=10.0.0.16/28+fd00::40-fd00::49,other=...; empty: those of the nodes',
        keyValuesFlag,
        {},
      )
      .option('--manifests-dir <dir>', 'folder whose manifests are applied whenever they change; empty: none', '')
      .option('--controllers <list>', 'which to run: "*" for all, "-name" to leave one out', '*')
      .option('--concurrent-syncs <n>', 'reconciles of one controller at a time', intFlag, 10)
      .option(
        '--health-address <host:port>',
        'where /livez, /readyz and /metrics are served; empty: nowhere',
        '127.0.0.1:10257',
      ),
  run,
);
