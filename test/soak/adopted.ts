import { type Pod, Pods } from '#api/kinds/index.ts';
import { isReady } from '#api/meta/readiness.ts';
import { systemClock } from '#async/clock.ts';
import type { Client } from '#client/types.ts';
import type { Cluster } from '../bed/cluster.ts';
import { waitFor } from '../bed/wait.ts';

const NAMESPACE = 'default';
const LIMIT_MS = 300_000;
/** What an agent would do anew to pods it has found, it has done by then. */
const SETTLE_MS = 15_000;

/** What must not change of pods while their agent is away and when it comes back. */
const identity = (p: Pod): string =>
  JSON.stringify([
    p.metadata?.uid,
    p.status?.phase,
    p.status?.podIPs,
    p.status?.conditions,
    p.status?.containerStatuses,
  ]);

async function identities(client: Client, app: string): Promise<Map<string, string>> {
  const { items } = await client.list(Pods, { namespace: NAMESPACE, labelSelector: `app=${app}` });
  return new Map(items.filter(isReady).map((p) => [p.metadata.name, identity(p)]));
}

/** Kills the agent of a node full of running pods of a Deployment: a new one takes them over as they are. @returns problems */
export async function adopted(cluster: Cluster, client: Client, app: string): Promise<string[]> {
  const [node] = cluster.nodes;
  if (!node) throw new Error('no node');
  const before = await identities(client, app);
  const [victim = ''] = before.keys();
  await node.agent.kill('SIGKILL');
  await node.agent.start();
  // One is replaced: by then the agent does its work, and it has taken over the others first.
  await client.delete(Pods, victim, NAMESPACE);
  let after = before;
  const replaced = async (): Promise<boolean> => {
    after = await identities(client, app);
    return !after.has(victim) && after.size === before.size;
  };
  await waitFor('a pod is replaced', replaced, { timeoutMs: LIMIT_MS, everyMs: 500 });
  await systemClock.sleep(SETTLE_MS);
  after = await identities(client, app);
  before.delete(victim);
  console.log(`agent killed with ${before.size + 1} running pods`);
  return [...before].flatMap(([name, was]) => {
    const is = after.get(name);
    return is === was ? [] : [`${name} is not as it was when its agent was killed: ${was} → ${is}`];
  });
}
