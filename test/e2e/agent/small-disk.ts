import type { BedNode } from '../../bed/node.ts';
import { waitFor } from '../../bed/wait.ts';

/** Runs a shell script on a node, where `docker` is its own. @returns what it printed @throws Error when a command fails */
export async function scriptOn(node: BedNode, script: string): Promise<string> {
  const docker = `docker() { command docker -H ${node.dockerHost} "$@"; }`;
  const { code, stdout, stderr } = await node.exec('sh', ['-ec', `${docker}; ${script}`]);
  if (code !== 0) throw new Error(`${script}: ${stderr}`);
  return stdout;
}

/**
 * The folders of the agent and of Docker move to a disk that is theirs alone, as most machines have one for both.
 * @param node on which neither agent nor container runs
 */
export async function moveToSmallDisk(node: BedNode, mib: number): Promise<void> {
  const daemon = () => scriptOn(node, `cat ${node.dir}/docker.pid`);
  const before = await daemon();
  await scriptOn(
    node,
    `cd ${node.dir}; umount agent/memory
    mkdir disk; mount -t tmpfs -o size=${mib}m tmpfs disk
    mkdir disk/agent; cp -a docker disk
    mount --bind disk/agent agent; mount --bind disk/docker docker
    kill -9 ${before}`,
  );
  await waitFor('dockerd is back', async () => (await daemon()) !== before && scriptOn(node, 'docker version'), {
    timeoutMs: 120_000,
  });
}
