import type { Node, Pod, Service } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import type { Client, EventRecorder, Lister } from '#client/types.ts';
import type { Logger } from '#process/logger.ts';
import type { PodCgroups } from '../cgroups/pod-cgroups.ts';
import type { PluginNetworks } from '../cni/plugin-networks.ts';
import type { DeviceManager } from '../devices/device-manager.ts';
import type { Pressure } from '../eviction/thresholds.ts';
import type { Images } from '../images/images.ts';
import type { Prober } from '../probes/prober.ts';
import type { ContainerRecord, Runtime } from '../runtime/types.ts';
import type { RuntimeView } from '../runtime/view.ts';
import type { StatusPublisher } from '../status/publisher.ts';
import type { PodPlace } from '../volumes/content.ts';
import type { PodObjects } from '../volumes/objects.ts';
import type { Volumes } from '../volumes/volumes.ts';
import type { AdmittedPods } from './admitted-pods.ts';
import { allContainers, containerNamed } from './containers.ts';
import type { Failure } from './deadline.ts';
import type { DnsSettings } from './etc-files.ts';
import { CONFIG_SOURCE } from './mirror-pods.ts';
import { Restarts } from './restarts.ts';

/** Chooses addresses of sandboxes and links those to the pod network that Docker does not attach. */
export interface SandboxLinks {
  /** Addresses for a new sandbox, none of `others`, one of each family the cluster has. @throws Error when there is none left */
  take(podUid: string, others: readonly string[]): readonly string[];
  /** A pod has these addresses, whoever gave them to it. */
  note(podUid: string, addresses: readonly string[]): void;
  free(podUid: string): void;
  /** What the kernel is told of a sandbox with these addresses. */
  sysctls(addresses: readonly string[]): Readonly<Record<string, string>>;
  /** Harmless to repeat. @param sandbox with the number of a process in it. @throws Error */
  attach(podUid: string, sandbox: { id: string; pid: number; addresses: readonly string[] }): Promise<void>;
}

/** What the workers of all pods share. */
export interface PodWorkerDeps {
  readonly client: Client;
  readonly runtime: Runtime;
  readonly view: RuntimeView;
  readonly images: Images;
  readonly prober: Prober;
  readonly publisher: StatusPublisher;
  readonly volumes: Volumes;
  readonly objects: PodObjects;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Undefined: containers lie beside each other. */
  readonly cgroups: PodCgroups | undefined;
  readonly networks: Pick<PluginNetworks, 'first' | 'problem' | 'attach' | 'detach' | 'check' | 'release' | 'collect'>;
  /** Undefined where others make the network of pods. */
  readonly links: SandboxLinks | undefined;
  readonly devices: Pick<DeviceManager, 'admit' | 'grantsOf' | 'preStart'>;
  readonly services: Lister<Service>;
  /** All pods of this node. */
  readonly pods: Lister<Pod>;
  readonly node: () => Stored<Node> | undefined;
  readonly nodeName: string;
  /** Of the node, its primary family's first. */
  readonly hostIps: readonly string[];
  readonly nodeMemory: number;
  /** How long a container must have lived that its ends before do not count any more, milliseconds. */
  readonly backOffResetMs: number;
  readonly dns: DnsSettings;
  readonly admitted: AdmittedPods;
  /** Whether AppArmor confines processes of this node. */
  readonly appArmor: boolean;
  /** Whether root of a container is somebody else on this node. */
  readonly userNamespaces: boolean;
  /** Patterns of sysctls that pods may set here though they can harm others. */
  readonly unsafeSysctls: readonly string[];
  /** Where seccomp profiles of the node lie. */
  readonly seccompDir: string;
  /** What runs short on this node now. */
  readonly pressures: () => ReadonlySet<Pressure>;
  /** Why the node takes no pods at all now. */
  readonly refusal: () => Failure | undefined;
  /** Resolves when pods can be given addresses. */
  readonly networkReady: () => Promise<void>;
  /** The addresses a sandbox has got, of families the cluster has. */
  readonly addressesOf: (sandboxId: string) => Promise<readonly string[]>;
  /** Called when the addresses of a pod are known, before its containers start; they wait for it. */
  readonly attached: (pod: Stored<Pod>, podIps: readonly string[]) => Promise<void>;
  /** Called when nothing runs behind the addresses of a pod any more, before it loses its network. */
  readonly leaving: (podIps: readonly string[]) => Promise<void>;
  /** Look at the pod again after `ms`. */
  readonly again: (uid: string, ms: number) => void;
}

/** One pod, as the parts of its worker share it. */
export class PodContext {
  readonly deps: PodWorkerDeps;
  readonly restarts: Restarts;
  pod: Stored<Pod>;
  /** What the API shows of a static pod, once it does. */
  mirror: Stored<Pod> | undefined;
  /** One of each address family at most; none while it has no network. */
  podIps: readonly string[] = [];
  /** Host path of each volume, once they are made. */
  paths: ReadonlyMap<string, string> | undefined;
  /** The pod left the API: nobody waits for its status. */
  orphan = false;
  /** Why its node ends the pod, when it does. */
  failure: Failure | undefined;
  readonly #ending = new AbortController();

  constructor(deps: PodWorkerDeps, pod: Stored<Pod>) {
    this.deps = deps;
    this.pod = pod;
    this.restarts = new Restarts(deps.backOffResetMs);
  }

  /** The pod as it is from now on. */
  renew(pod: Stored<Pod>): void {
    // What a container waited for with another image says nothing of this one.
    for (const { name, image } of allContainers(pod))
      if (containerNamed(this.pod, name)?.image !== image) this.restarts.clear(name);
    this.pod = pod;
  }

  /** The object that carries the status; undefined while there is none. */
  get shown(): Stored<Pod> | undefined {
    return this.pod.metadata.annotations?.[CONFIG_SOURCE] === 'file' ? this.mirror : this.pod;
  }

  get uid(): string {
    return this.pod.metadata.uid;
  }

  /** "name_namespace(uid)", as messages name a pod. */
  get label(): string {
    const { name, namespace } = this.pod.metadata;
    return `${name}_${namespace}(${this.uid})`;
  }

  /** The first address; '' while there is none. */
  get podIp(): string {
    return this.podIps[0] ?? '';
  }

  get terminating(): boolean {
    return this.orphan || this.pod.metadata.deletionTimestamp !== undefined;
  }

  /** Aborts when the pod goes away: a pull for it is pointless then. */
  get ending(): AbortSignal {
    return this.#ending.signal;
  }

  end(): void {
    this.#ending.abort(new Error('the pod is being deleted'));
  }

  get place(): PodPlace {
    return { podIps: this.podIps, hostIps: this.deps.hostIps, nodeName: this.deps.nodeName };
  }

  /** The pod ends here for good, with this reason. */
  fail(failure: Failure, type: 'Normal' | 'Warning' = 'Warning'): void {
    this.failure = failure;
    this.event(type, failure.reason, failure.message);
  }

  event(type: 'Normal' | 'Warning', reason: string, message: string): void {
    if (!this.orphan) this.deps.events.event({ ...this.pod, kind: 'Pod', apiVersion: 'v1' }, type, reason, message);
  }

  /** What the runtime's list will show of something just made. */
  record(
    id: string,
    more: Pick<
      ContainerRecord,
      'name' | 'attempt' | 'hash' | 'sandboxId' | 'image' | 'limits' | 'addresses' | 'linked'
    >,
  ): ContainerRecord {
    const { namespace = '', name: pod } = this.pod.metadata;
    return {
      id,
      podUid: this.uid,
      namespace,
      pod,
      ...more,
      state: 'created',
      exitCode: 0,
      oomKilled: false,
      createdAt: this.deps.clock.now(),
      startedAt: 0,
      finishedAt: 0,
    };
  }
}
