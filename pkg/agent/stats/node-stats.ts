import { uptime } from 'node:os';
import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import type { Lister } from '#client/types.ts';
import { runtimeUid } from '../pods/mirror-pods.ts';
import type { ContainerRecord } from '../runtime/types.ts';
import type { RuntimeView } from '../runtime/view.ts';
import { type DiskUsage, diskUsage, type MachineUsage, machineUsage } from './machine.ts';
import { type NetworkUsage, rateBase, type Usage, type UsageReader } from './usage.ts';

export interface NodeStatsDeps {
  readonly nodeName: string;
  readonly rootDir: string;
  /** Docker's folder, as this process sees it. */
  readonly imageDir: () => string;
  readonly view: RuntimeView;
  readonly pods: Lister<Pod>;
  readonly usage: UsageReader;
  readonly clock: Clock;
}

export interface PodUsage {
  readonly pod: Stored<Pod>;
  readonly containers: readonly { readonly record: ContainerRecord; readonly usage: Usage }[];
  readonly network: NetworkUsage | undefined;
  /** Of the sandbox, which belongs to no container. */
  readonly overhead: Usage | undefined;
}

/** Everything that is measured of a node at one time. */
export interface NodeUsage {
  readonly nodeName: string;
  readonly at: number;
  readonly bootedAt: number;
  readonly machine: MachineUsage;
  readonly cpuRate: number | undefined;
  /** What the rate is taken over, milliseconds; 0 without one. */
  readonly windowMs: number;
  /** That of the volumes ("nodefs"). */
  readonly disk: DiskUsage;
  /** That of images, layers and logs ("imagefs"): often the same. */
  readonly imageDisk: DiskUsage;
  readonly pods: readonly PodUsage[];
}

/** A scrape soon after another is answered with the same figures, milliseconds. */
const FRESH_MS = 1_000;
/** Between the two looks that a rate takes when nobody has looked lately, milliseconds. */
const LOOK_MS = 1_000;

/** Busy time of the machine. */
interface Busy {
  readonly at: number;
  readonly cpuNs: number;
}

/** Measures the node and its pods, when somebody wants to know. */
export class NodeStats {
  readonly #d: NodeStatsDeps;
  readonly #bootedAt: number;
  #current: { readonly at: number; readonly value: Promise<NodeUsage> } | undefined;
  #busy: { older: Busy | undefined; last: Busy | undefined } = { older: undefined, last: undefined };
  #rates: Promise<NodeUsage> | undefined;

  constructor(deps: NodeStatsDeps) {
    this.#d = deps;
    this.#bootedAt = deps.clock.now() - uptime() * 1000;
  }

  /** Only the machine, which costs next to nothing. */
  async machine(): Promise<Pick<NodeUsage, 'machine' | 'disk' | 'imageDisk'>> {
    const { rootDir } = this.#d;
    const [machine, disk, imageDisk] = await Promise.all([machineUsage(), diskUsage(rootDir), this.imageDisk()]);
    return { machine, disk, imageDisk };
  }

  imageDisk(): Promise<DiskUsage> {
    return diskUsage(this.#d.imageDir());
  }

  measure(): Promise<NodeUsage> {
    const at = this.#d.clock.now();
    if (!this.#current || at - this.#current.at >= FRESH_MS) this.#current = { at, value: this.#measure() };
    return this.#current.value;
  }

  /** As `measure`, but with rates: when nobody has looked for a while it looks twice, a second apart. */
  rates(): Promise<NodeUsage> {
    this.#rates ??= this.#twice().finally(() => {
      this.#rates = undefined;
    });
    return this.#rates;
  }

  async #twice(): Promise<NodeUsage> {
    const first = await this.measure();
    const known = first.pods.every((p) => p.containers.every((c) => c.usage.cpuRate !== undefined));
    if (known && first.cpuRate !== undefined) return first;
    await this.#d.clock.sleep(LOOK_MS);
    return this.measure();
  }

  async #measure(): Promise<NodeUsage> {
    const { nodeName, view, pods, usage, clock } = this.#d;
    const live = [...pods.list()];
    const running = live.map((pod) => ({ pod, runtime: view.pod(runtimeUid(pod)) }));
    const ids = running.flatMap(({ runtime: r }) => [r.sandbox, ...[...r.containers.values()].map((c) => c[0])]);
    usage.retain(new Set(ids.flatMap((r) => (r ? [r.id] : []))));
    const [{ machine, disk, imageDisk }, ...measured] = await Promise.all([
      this.machine(),
      ...running.map(({ pod, runtime }) => this.#pod(pod, runtime)),
    ]);
    const at = clock.now();
    const base = rateBase(this.#busy, at);
    const cpuRate = base && Math.round(((machine.cpuNs - base.cpuNs) * 1000) / (at - base.at));
    this.#busy = { older: this.#busy.last, last: { at, cpuNs: machine.cpuNs } };
    return {
      nodeName,
      at,
      bootedAt: this.#bootedAt,
      machine,
      cpuRate,
      windowMs: base ? at - base.at : 0,
      disk,
      imageDisk,
      pods: measured.filter((p) => p !== undefined),
    };
  }

  async #pod(pod: Stored<Pod>, runtime: ReturnType<RuntimeView['pod']>): Promise<PodUsage | undefined> {
    const { usage } = this.#d;
    const { sandbox } = runtime;
    if (sandbox?.state !== 'running') return undefined;
    const up = [...runtime.containers.values()].flatMap(([r]) => (r?.state === 'running' ? [r] : []));
    const [network, overhead, ...read] = await Promise.all([
      usage.network(sandbox),
      usage.container(sandbox),
      ...up.map(async (record) => ({ record, usage: await usage.container(record) })),
    ]);
    const containers = read.flatMap(({ record, usage: u }) => (u ? [{ record, usage: u }] : []));
    return { pod, containers, network, overhead };
  }
}
