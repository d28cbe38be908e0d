import { afterAll, beforeAll } from 'vitest';
import { Events, Namespaces, type Node, Nodes, type Pod, Pods, ServiceAccounts } from '#api/kinds/index.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { apiTime } from '#api/meta/time.ts';
import { systemClock } from '#async/clock.ts';
import { createClient } from '#client/client.ts';
import { createInformerFactory } from '#client/informer-factory.ts';
import { loadKubeconfig } from '#client/kubeconfig.ts';
import type { Client } from '#client/types.ts';
import { silentLogger } from '#process/logger.ts';
import { useCluster } from '../../bed/suite.ts';
import { waitFor } from '../../bed/wait.ts';

const ROOM = { cpu: '4', memory: '8Gi', pods: '20' };

/** Why a pod has no node, once the scheduler has said so. */
const unschedulable = ({ status }: Pod): string | undefined =>
  status?.conditions?.find((c) => c.type === 'PodScheduled' && c.reason === 'Unschedulable')?.message;

/** The real API server and scheduler over nodes nobody runs: they have room, and their pods end when they are deleted. */
export class HollowCluster {
  readonly client: Client;
  readonly #stop = new AbortController();
  #serial = 0;
  /** The namespace of pods that show whether the scheduler has heard of a node. */
  #probes: string | undefined;

  constructor(client: Client) {
    this.client = client;
    const factory = createInformerFactory({
      client,
      clock: systemClock,
      signal: this.#stop.signal,
      logger: silentLogger,
    });
    const pods = factory.informer(Pods);
    const end = (p: Stored<Pod>): void => void this.#end(p).catch(() => {});
    pods.addHandlers({ onAdd: end, onUpdate: (_old, p) => end(p) });
    factory.start();
  }

  stop(): void {
    this.#stop.abort();
  }

  async #end({ metadata: { name, namespace, uid, deletionTimestamp } }: Stored<Pod>): Promise<void> {
    if (!deletionTimestamp) return;
    await this.client.delete(Pods, name, namespace, { gracePeriodSeconds: 0, preconditions: { uid } });
  }

  async addNode(name: string, labels: Record<string, string> = {}, spec: Node['spec'] = {}): Promise<void> {
    const metadata = { name, labels: { 'kubernetes.io/hostname': name, ...labels } };
    await this.client.create(Nodes, { metadata, spec } as Node);
    // Admission marks a new node as not ready, which the node lifecycle controller would take back.
    await this.client.patch(Nodes, { name }, { type: 'merge', body: { spec: { taints: spec.taints ?? null } } });
    const lastTransitionTime = apiTime(Date.now());
    const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime }];
    const body = { status: { capacity: ROOM, allocatable: ROOM, conditions } };
    await this.client.patch(Nodes, { name, subresource: 'status' }, { type: 'strategic', body });
    const tolerations = (spec.taints ?? []).map(({ key }) => ({ key, operator: 'Exists' }));
    this.#probes ??= await this.namespace();
    await this.takes(this.#probes, { nodeSelector: { 'kubernetes.io/hostname': name }, tolerations });
  }

  /** A namespace of its own for a test. */
  async namespace(): Promise<string> {
    const name = `s-${++this.#serial}`;
    await this.client.create(Namespaces, { metadata: { name } });
    await this.client.create(ServiceAccounts, { metadata: { name: 'default', namespace: name } });
    return name;
  }

  async addPod(namespace: string, name: string, more: { metadata?: object; spec?: object; cpu?: string } = {}) {
    const requests = { cpu: more.cpu ?? '10m' };
    const containers = [{ name: 'main', image: 'img:1', resources: { requests } }];
    const pod = { metadata: { namespace, name, ...more.metadata }, spec: { containers, ...more.spec } };
    return this.client.create(Pods, pod as unknown as Pod);
  }

  get(namespace: string, name: string): Promise<Stored<Pod>> {
    return this.client.get(Pods, name, namespace);
  }

  /** Until the scheduler has heard of all that was written before: it has placed a pod that came later. */
  async caughtUp(namespace: string): Promise<void> {
    const name = `probe-${++this.#serial}`;
    await this.addPod(namespace, name);
    await this.bound(namespace, name);
  }

  /** Until the scheduler has a node for such pods: it hears of nodes apart from pods. */
  async takes(namespace: string, spec: object): Promise<void> {
    const name = `probe-${++this.#serial}`;
    await this.addPod(namespace, name, { spec });
    await this.bound(namespace, name);
    await this.client.delete(Pods, name, namespace);
  }

  /** Until the scheduler has no node for such pods: those that came before it had heard of that are bound. */
  async refuses(namespace: string, spec: object, words: string): Promise<void> {
    await waitFor(`such a pod is refused: ${words}`, async () => {
      const name = `probe-${++this.#serial}`;
      await this.addPod(namespace, name, { spec });
      const said = await waitFor(`${name} is judged`, async () => {
        const pod = await this.get(namespace, name);
        return pod.spec?.nodeName ?? unschedulable(pod);
      });
      await this.client.delete(Pods, name, namespace);
      return said.includes(words);
    });
  }

  /** The node a pod was bound to. */
  bound(namespace: string, name: string): Promise<string> {
    const look = async () => (await this.get(namespace, name)).spec?.nodeName;
    return waitFor(`${name} has a node`, look, { everyMs: 20 });
  }

  /** What the PodScheduled condition of a pod that has no node says. */
  refused(namespace: string, name: string): Promise<string> {
    const look = async () => {
      const pod = await this.get(namespace, name);
      if (pod.spec?.nodeName) throw new Error(`it is on ${pod.spec.nodeName}`);
      return unschedulable(pod);
    };
    return waitFor(`${name} is refused`, look, { everyMs: 20 });
  }

  /** Messages of the events about an object, by reason. */
  async events(namespace: string, name: string, reason: string): Promise<string[]> {
    const { items } = await this.client.list(Events, { namespace });
    return items.flatMap((e) => (e.involvedObject.name === name && e.reason === reason ? [e.message ?? ''] : []));
  }

  /** Deletes all pods of a namespace and waits until they have gone. */
  async clear(namespace: string): Promise<void> {
    await waitFor('no pods', async () => {
      const { items } = await this.client.list(Pods, { namespace });
      for (const p of items) {
        await this.client.delete(Pods, p.metadata.name, namespace).catch((e: unknown) => {
          if (!isNotFound(e) && !isConflict(e)) throw e;
        });
      }
      return items.length === 0;
    });
  }
}

/**
 * @param before makes what no pod shows to have been heard of: the scheduler begins with it, as it begins anew then
 * @param schedulerFlags further flags of the scheduler
 */
export function useHollowCluster(
  label: string,
  { before, setUp }: Readonly<Record<'before' | 'setUp', (c: HollowCluster) => Promise<void>>>,
  schedulerFlags: readonly string[] = [],
): () => HollowCluster {
  const flags = { scheduler: schedulerFlags };
  const cluster = useCluster(label, { apiservers: 1, without: ['controller-manager'], flags });
  let hollow: HollowCluster | undefined;
  beforeAll(async () => {
    const config = await loadKubeconfig(cluster().kubeconfig);
    hollow = new HollowCluster(createClient({ ...config, userAgent: 'integration-test', logger: silentLogger }));
    const { scheduler } = cluster().processes;
    await scheduler.stop();
    await before(hollow);
    await scheduler.start();
    await setUp(hollow);
  });
  afterAll(async () => {
    hollow?.stop();
    await hollow?.client.close();
  });
  return () => {
    if (!hollow) throw new Error('the cluster is not there yet: use it inside a test or a hook');
    return hollow;
  };
}
