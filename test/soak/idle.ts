import { systemClock } from '#async/clock.ts';
import type { Client } from '#client/types.ts';
import type { Cluster } from '../bed/cluster.ts';
import { deploy, undeploy } from '../bench/groups/pods.ts';
import { cpuSeconds, residentMiB } from '../bench/machine/processes.ts';
import { adopted } from './adopted.ts';

const SETTLE_MS = 15_000;
const WINDOW_MS = 45_000;
/** Share of one processor that an agent with a full node may take. */
const LIMIT_PERCENT = 10;

/** A node full of pods that do nothing: what its agent takes, and that the next agent finds them as they are. @returns problems */
export async function idle(cluster: Cluster, client: Client, pods: number): Promise<string[]> {
  const pid = cluster.nodes[0]?.agent.pid ?? 0;
  const took = await deploy(client, 'idle', pods);
  await systemClock.sleep(SETTLE_MS);
  const [before, begun] = [cpuSeconds(pid), performance.now()];
  await systemClock.sleep(WINDOW_MS);
  const percent = ((cpuSeconds(pid) - before) / (performance.now() - begun)) * 100_000;
  const mib = Math.round(residentMiB(pid));
  console.log(`${pods} pods Ready in ${took.toFixed(1)} s; idle: agent ${percent.toFixed(2)} % of a core, ${mib} MiB`);
  const problems = await adopted(cluster, client, 'idle');
  const ended = await undeploy(client, 'idle');
  console.log(`gone in ${ended.toFixed(1)} s`);
  if (percent >= LIMIT_PERCENT)
    problems.push(`the agent takes ${percent.toFixed(1)} % of a core with ${pods} idle pods`);
  return problems;
}
