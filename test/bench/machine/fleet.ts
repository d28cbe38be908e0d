import { join } from 'node:path';
import { Nodes } from '#api/kinds/index.ts';
import type { Client } from '#client/types.ts';
import type { Cluster } from '../../bed/cluster.ts';
import { bin } from '../../bed/layout.ts';
import { probe } from '../../bed/net.ts';
import { freePorts } from '../../bed/ports.ts';
import { ManagedProcess } from '../../bed/process.ts';
import { waitFor } from '../../bed/wait.ts';

/** Heartbeats of a thousand nodes must not be what is measured: each renews its lease every five minutes. */
const LEASE_SECONDS = 1200;
/** To be given to a controller manager beside it, so that it believes them. */
export const PATIENT = ['--node-monitor-grace-period', '40m', '--allocate-node-cidrs=false'];
const REGISTERED_MS = 600_000;
const AT_A_TIME = 32;

/** Nodes without a container runtime in a process of its own (cmd/hollow-node). It must be stopped before the cluster. */
export async function startFleet(cluster: Cluster, nodes: number): Promise<ManagedProcess> {
  const [port] = await freePorts(1);
  const health = `127.0.0.1:${port}`;
  const fleet = new ManagedProcess({
    name: 'hollow-node',
    command: bin('hollow-node'),
    args: [
      ...['--kubeconfig', cluster.kubeconfig, '--nodes', String(nodes), '--health-address', health],
      ...['--node-lease-duration', String(LEASE_SECONDS)],
    ],
    logFile: join(cluster.dir, 'logs', 'hollow-node.log'),
    ready: (signal) =>
      waitFor(`${nodes} nodes`, () => probe(`http://${health}/readyz`).then(Boolean), {
        signal,
        timeoutMs: REGISTERED_MS,
      }).then(() => {}),
  });
  await fleet.start();
  return fleet;
}

/** Takes the taints of new nodes away, as the node lifecycle controller would, where none runs. */
export async function admitNodes(client: Client): Promise<void> {
  const { items } = await client.list(Nodes, { resourceVersion: '0' });
  const tainted = items.filter((n) => (n.spec?.taints ?? []).length > 0);
  const lane = async (): Promise<void> => {
    for (let node = tainted.pop(); node; node = tainted.pop()) {
      await client.patch(Nodes, { name: node.metadata.name }, { type: 'merge', body: { spec: { taints: null } } });
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, lane));
}
