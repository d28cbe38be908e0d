import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Kind } from '#api/kind.ts';
import {
  type DaemonSet,
  DaemonSets,
  type Deployment,
  Deployments,
  type Node,
  Nodes,
  Pods,
  ReplicaSets,
  ServiceAccounts,
} from '#api/kinds/index.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { systemClock } from '#async/clock.ts';
import type { Client } from '#client/types.ts';
import type { Cluster } from '../../bed/cluster.ts';
import { bin } from '../../bed/layout.ts';
import { probe } from '../../bed/net.ts';
import { freePorts } from '../../bed/ports.ts';
import { ManagedProcess } from '../../bed/process.ts';
import { waitFor } from '../../bed/wait.ts';
import { PATIENT } from '../machine/fleet.ts';
import { row } from '../rows.ts';
import { clientOf, type Group, median, type Sink } from './group.ts';

const NAMESPACE = 'default';
const NODES = 11;
const KILLS = 3;
const ROOM = { cpu: '4', memory: '8Gi', pods: '110' };
const LIMIT_MS = 120_000;
/** So long a manager that stands by has known its leader: nobody is killed sooner than that. */
const STANDING_BY_MS = 5000;

const template = (app: string, more: object = {}) => ({
  metadata: { labels: { app } },
  spec: { ...more, containers: [{ name: 'main', image: 'coxswain/hello:1' }], automountServiceAccountToken: false },
});

/** Follows a kind from now on, until the first object of which `wanted` is true. @returns when it was, by `performance.now` */
async function follow<T extends KubeObject>(
  client: Client,
  kind: Kind<T>,
): Promise<(wanted: (o: Stored<T>) => boolean) => Promise<number>> {
  const { resourceVersion } = await client.list(kind, { namespace: NAMESPACE });
  return async (wanted) => {
    const signal = AbortSignal.timeout(LIMIT_MS);
    for await (const e of client.watch(kind, { namespace: NAMESPACE, resourceVersion, signal }))
      if (e.type !== 'BOOKMARK' && wanted(e.object)) return performance.now();
    throw new Error(`no ${kind.kind} as wanted within ${LIMIT_MS / 1000} s`);
  };
}

/** Nodes come one by one; the pod of a DaemonSet that is to be on every node, new ones first of all, is made and bound. */
async function daemonPods(client: Client, sink: Sink): Promise<void> {
  const spec = {
    selector: { matchLabels: { app: 'everywhere' } },
    template: template('everywhere', { tolerations: [{ operator: 'Exists' }] }),
  };
  const set = { metadata: { name: 'everywhere', namespace: NAMESPACE }, spec } as DaemonSet;
  await client.create(DaemonSets, set);
  await waitFor('the DaemonSet is known', async () => {
    const { status } = await client.get(DaemonSets, 'everywhere', NAMESPACE);
    return status?.observedGeneration === 1;
  });
  const times: number[] = [];
  for (let i = 0; i < NODES; i++) {
    const name = `new-${i}`;
    const seen = await follow(client, Pods);
    const begun = performance.now();
    await client.create(Nodes, { metadata: { name }, status: { capacity: ROOM, allocatable: ROOM } } as Node);
    times.push((await seen((p) => p.spec?.nodeName === name)) - begun);
  }
  const all = times.map((t) => t.toFixed(0)).join(', ');
  sink(row('daemon-pod', median(times) / 1000, { note: `${all} ms` }));
}

/** One more beside the cluster's own: its kubeconfig is the same. */
async function secondManager(cluster: Cluster): Promise<ManagedProcess> {
  const [port] = await freePorts(1);
  const health = `127.0.0.1:${port}`;
  return new ManagedProcess({
    name: 'controller-manager2',
    command: bin('controller-manager'),
    args: [
      ...['--kubeconfig', join(cluster.dir, 'conf', 'controller-manager.conf'), '--health-address', health],
      ...PATIENT,
    ],
    logFile: join(cluster.dir, 'logs', 'controller-manager2.log'),
    ready: (signal) =>
      waitFor('the second manager', () => probe(`http://${health}/healthz`).then(Boolean), { signal }).then(() => {}),
  });
}

/** The leader is killed, and a Deployment made: how soon it has its ReplicaSet. @returns seconds from the kill on */
async function takeOver(client: Client, leader: ManagedProcess): Promise<number> {
  const name = `after-${randomUUID().slice(0, 8)}`;
  const seen = await follow(client, ReplicaSets);
  await leader.kill('SIGKILL');
  const killed = performance.now();
  const spec = { replicas: 0, selector: { matchLabels: { app: name } }, template: template(name) };
  await client.create(Deployments, { metadata: { name, namespace: NAMESPACE }, spec } as Deployment);
  return ((await seen((rs) => rs.metadata.ownerReferences?.[0]?.name === name)) - killed) / 1000;
}

async function managerKilled(cluster: Cluster, client: Client, sink: Sink): Promise<void> {
  let [leader, other] = [cluster.processes['controller-manager'], await secondManager(cluster)];
  const times: number[] = [];
  try {
    for (let i = 0; i < KILLS; i++) {
      await other.start();
      await systemClock.sleep(STANDING_BY_MS + Math.random() * 2000);
      times.push(await takeOver(client, leader));
      [leader, other] = [other, leader];
    }
  } finally {
    // The cluster ends its own.
    await (leader === cluster.processes['controller-manager'] ? other : leader).stop();
  }
  sink(row('manager-killed', median(times), { note: times.map((t) => t.toFixed(1)).join(', ') }));
}

/** A controller manager with the timing of production: what it does at once, and what happens when it is killed. */
export const controllers: Group = async (sink, start) => {
  const cluster = await start({ apiservers: 1, members: 1, fast: false, flags: { 'controller-manager': PATIENT } });
  const client = await clientOf(cluster);
  try {
    await waitFor('the service account', () => client.get(ServiceAccounts, 'default', NAMESPACE));
    await daemonPods(client, sink);
    await managerKilled(cluster, client, sink);
  } finally {
    await client.close();
    await cluster.stop();
  }
};
