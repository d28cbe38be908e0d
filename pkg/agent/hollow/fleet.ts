import { type Node, Nodes, type Pod, Pods } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import { createSemaphore } from '#async/semaphore.ts';
import type { Client, Informer, InformerFactory } from '#client/types.ts';
import type { Logger } from '#process/logger.ts';
import type { NodeFacts } from '../node/node-object.ts';
import { NodeRegistration } from '../node/registration.ts';
import { HollowPods } from './hollow-pods.ts';

export interface FleetDeps {
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** What the nodes say they are. */
export interface FleetPlan {
  readonly count: number;
  /** Names are this, a dash, and a number from 0. */
  readonly prefix: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly maxPods: number;
  /** The nodes are spread over so many zones, "zone-0" onwards; 0: they name none. */
  readonly zones: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly leaseSeconds: number;
}

const HOST_IP = '127.0.0.1';
/** Nodes registered at a time. */
const PARALLEL = 32;
const ZONE = 'topology.kubernetes.io/zone';
const READY = { ready: true, message: 'hollow node: no container is ever started', pressures: [] };

function factsOf(plan: FleetPlan, k: number): NodeFacts {
  const name = `${plan.prefix}-${k}`;
  return {
    ...{ name, ips: [HOST_IP], port: 10250, cpus: plan.cpus, memoryBytes: plan.memoryBytes, maxPods: plan.maxPods },
    ...{ diskBytes: 100 * 2 ** 30, kernel: 'hollow', os: 'hollow', machineId: name, systemUuid: name, bootId: name },
    reserved: { cpuMilli: 0, memoryBytes: 0, diskBytes: 0 },
    runtimeVersion: 'hollow://1.0.0',
    labels: { ...plan.labels, ...(plan.zones > 0 ? { [ZONE]: `zone-${k % plan.zones}` } : {}) },
  };
}

/**
 * Many nodes in one process, for clusters larger than the machine: each registers and keeps its lease and status like an
 * agent does, and says of its pods that they run. Only the container runtime is made up.
 */
export class HollowFleet {
  readonly #deps: FleetDeps;
  readonly #nodes = new Map<string, NodeRegistration>();
  readonly #pods: HollowPods;
  readonly #podInformer: Informer<Pod>;
  readonly #nodeInformer: Informer<Node>;

  constructor(deps: FleetDeps, plan: FleetPlan) {
    this.#deps = deps;
    const { client, clock, logger } = deps;
    this.#pods = new HollowPods({ ...deps, hostIps: [HOST_IP] });
    for (let k = 0; k < plan.count; k++) {
      const facts = factsOf(plan, k);
      const node = new NodeRegistration({
        tell: () => {},
        ...{ client, clock, logger, facts, leaseSeconds: plan.leaseSeconds },
        readiness: () => READY,
        devices: () => ({ capacity: {}, allocatable: {} }),
        images: () => Promise.resolve([]),
      });
      this.#nodes.set(facts.name, node);
    }
    this.#podInformer = deps.informers.informer(Pods, { fieldSelector: 'spec.nodeName!=' });
    this.#nodeInformer = deps.informers.informer(Nodes);
    const seen = (pod: Stored<Pod>): void => {
      if (this.#nodes.has(pod.spec?.nodeName ?? '')) this.#pods.seen(pod);
    };
    this.#podInformer.addHandlers({
      onAdd: seen,
      onUpdate: (_old, pod) => seen(pod),
      onDelete: (pod) => this.#pods.gone(pod),
    });
    const look = (node: Stored<Node>): void => this.#nodes.get(node.metadata.name)?.seen(node);
    this.#nodeInformer.addHandlers({ onAdd: look, onUpdate: (_old, node) => look(node) });
  }

  /** Whether every node is registered and the pods are known. */
  ready = false;

  get podCount(): number {
    return this.#pods.size;
  }

  /** Registers the nodes and keeps them up until the signal aborts. */
  async run(): Promise<void> {
    const { informers, signal, logger } = this.#deps;
    const places = createSemaphore(PARALLEL);
    const running: Promise<void>[] = [];
    const up = async (node: NodeRegistration): Promise<void> => {
      await node.register(signal);
      await node.report();
      running.push(node.run(signal));
    };
    await Promise.all([...this.#nodes.values()].map((node) => places.run(() => up(node), signal)));
    informers.start();
    await this.#podInformer.synced(signal);
    this.ready = true;
    logger.info({ nodes: this.#nodes.size, pods: this.#pods.size }, 'running');
    await Promise.all(running);
  }
}
