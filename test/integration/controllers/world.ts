import { afterAll, beforeAll } from 'vitest';
import {
  type Deployment,
  Deployments,
  EndpointSlices,
  Namespaces,
  type Pod,
  Pods,
  type ReplicaSet,
  ReplicaSets,
  type Service,
  ServiceAccounts,
  Services,
} from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { createClient } from '#client/client.ts';
import { loadKubeconfig } from '#client/kubeconfig.ts';
import type { Client } from '#client/types.ts';
import { silentLogger } from '#process/logger.ts';
import type { Cluster, ClusterOptions } from '../../bed/cluster.ts';
import type { ExtraFlags } from '../../bed/control-plane.ts';
import { useCluster } from '../../bed/suite.ts';
import { waitFor } from '../../bed/wait.ts';
import { HollowNodes } from './hollow.ts';

export interface World {
  readonly cluster: Cluster;
  readonly client: Client;
  readonly nodes: HollowNodes;
}

/** One manager, that works as soon as it runs: after `kill -9` no lease has to run out first. */
const ALONE = '--leader-elect=false';

export interface WorldOptions extends Omit<ClusterOptions, 'flags'> {
  readonly hollow?: number;
  readonly flags?: ExtraFlags;
}

/** A cluster with the real controllers, and hollow nodes in place of scheduler and agents. */
export function useWorld(label: string, { hollow = 3, ...options }: WorldOptions = {}): () => World {
  const flags = { ...options.flags, 'controller-manager': [ALONE, ...(options.flags?.['controller-manager'] ?? [])] };
  const cluster = useCluster(label, { apiservers: 1, without: ['scheduler'], ...options, flags });
  let world: World | undefined;
  beforeAll(async () => {
    const client = createClient({
      ...(await loadKubeconfig(cluster().kubeconfig)),
      userAgent: 'integration-test',
      logger: silentLogger,
    });
    const nodes = new HollowNodes(client);
    world = { cluster: cluster(), client, nodes };
    await nodes.start(hollow);
  });
  afterAll(async () => {
    world?.nodes.stop();
    await world?.client.close();
  });
  return () => {
    if (!world) throw new Error('the world is not there yet: use it inside a test or a hook');
    return world;
  };
}

let serial = 0;
/** A namespace of its own for a test, ready for pods. */
export async function freshNamespace(client: Client, prefix = 't'): Promise<string> {
  const name = `${prefix}-${++serial}`;
  await client.create(Namespaces, { metadata: { name } });
  await waitFor('the service account', () => client.get(ServiceAccounts, 'default', name), { everyMs: 10 });
  return name;
}

const container = (image: string) => ({ name: 'main', image, ports: [{ name: 'http', containerPort: 8080 }] });
export const podTemplate = (labels: Record<string, string>, image = 'img:1') => ({
  metadata: { labels },
  spec: { terminationGracePeriodSeconds: 1, containers: [container(image)] },
});

export const replicaSet = (namespace: string, name: string, replicas: number): ReplicaSet =>
  ({
    metadata: { namespace, name },
    spec: { replicas, selector: { matchLabels: { app: name } }, template: podTemplate({ app: name }) },
  }) as ReplicaSet;

export const deployment = (namespace: string, name: string, spec: object = {}): Deployment =>
  ({
    metadata: { namespace, name },
    spec: { replicas: 3, selector: { matchLabels: { app: name } }, template: podTemplate({ app: name }), ...spec },
  }) as Deployment;

/** Waits until the controllers have heard of a pod, all of which share one cache: its address is in a slice. */
export async function known(client: Client, { metadata: { name, namespace = '', labels, uid } }: Stored<Pod>) {
  const spec = { selector: labels, clusterIP: 'None', ports: [{ port: 80 }] };
  await client.create(Services, { metadata: { namespace, name: `of-${name}` }, spec } as Service);
  await waitFor(`${name} is known`, async () =>
    (await client.list(EndpointSlices, { namespace })).items.some((s) =>
      s.endpoints?.some((e) => e.targetRef?.uid === uid),
    ),
  );
}

/** Pods of a namespace that are not being deleted. */
export async function livePods(client: Client, namespace: string): Promise<Stored<Pod>[]> {
  const { items } = await client.list(Pods, { namespace });
  return items.filter((p) => !p.metadata.deletionTimestamp);
}

export const isReady = (p: Pod): boolean =>
  p.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;

/** Waits until a Deployment has been rolled out completely. */
export const rolledOut = (
  client: Client,
  namespace: string,
  name: string,
  timeoutMs = 60_000,
): Promise<Stored<Deployment>> =>
  waitFor(
    `${name} rolled out`,
    async () => {
      const d = await client.get(Deployments, name, namespace);
      const { replicas = 0, updatedReplicas = 0, availableReplicas = 0, observedGeneration = 0 } = d.status ?? {};
      const wanted = d.spec?.replicas ?? 1;
      const done = replicas === wanted && updatedReplicas === wanted && availableReplicas === wanted;
      return done && observedGeneration >= (d.metadata.generation ?? 0) ? d : undefined;
    },
    { timeoutMs, everyMs: 50 },
  );

export const setsOf = async (client: Client, namespace: string): Promise<Stored<ReplicaSet>[]> =>
  (await client.list(ReplicaSets, { namespace })).items;
