import { join } from 'node:path';
import type { Client } from '#client/types.ts';
import { systemExec } from '#process/exec.ts';
import type { Cluster } from '../../bed/cluster.ts';
import { bin } from '../../bed/layout.ts';
import { row } from '../rows.ts';
import { median, type Sink } from './group.ts';
import { deploy, undeploy } from './pods.ts';

const RUNS = 15;
const TIMEOUT_MS = 60_000;

/** `get pods` of ten pods by cox and by the kubectl on PATH, in turns; both have asked before, so that discovery is cached. */
export async function cli(cluster: Cluster, client: Client, sink: Sink): Promise<void> {
  await deploy(client, 'listed', 10);
  // Where both keep what they have discovered.
  const env = { HOME: join(cluster.dir, 'home') };
  const milliseconds = async (program: string): Promise<number> => {
    const started = performance.now();
    const args = ['--kubeconfig', cluster.kubeconfig, 'get', 'pods'];
    const { code, stderr } = await systemExec(program, args, { env, timeoutMs: TIMEOUT_MS });
    if (code !== 0) throw new Error(`${program} get pods: ${stderr}`);
    return performance.now() - started;
  };
  const programs = { cox: bin('cox'), kubectl: 'kubectl' };
  const took: Record<keyof typeof programs, number[]> = { cox: [], kubectl: [] };
  for (const program of Object.values(programs)) await milliseconds(program);
  for (let i = 0; i < RUNS; i++) {
    took.cox.push(await milliseconds(programs.cox));
    took.kubectl.push(await milliseconds(programs.kubectl));
  }
  sink(row('cox-get', median(took.cox), { bound: median(took.kubectl), note: 'the bound is kubectl' }));
  await undeploy(client, 'listed');
}
