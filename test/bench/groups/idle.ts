import { systemClock } from '#async/clock.ts';
import type { Client } from '#client/types.ts';
import type { Cluster } from '../../bed/cluster.ts';
import { cpuSeconds, descendants, proportionalMiB, residentMiB } from '../machine/processes.ts';
import { row } from '../rows.ts';
import type { Group, Sink } from './group.ts';
import { deploy, undeploy } from './pods.ts';

const PODS = 10;
const SETTLE_MS = 15_000;
const WINDOW_MS = 40_000;

const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0);

/** Names and figures, the largest first. */
const each = (of: ReadonlyMap<string, number>, digits: number): string =>
  [...of]
    .sort((a, b) => b[1] - a[1])
    .map(([name, value]) => `${name} ${value.toFixed(digits)}`)
    .join(', ');

/** Processes by name. */
type Pids = ReadonlyMap<string, number>;

function pidsOf(cluster: Cluster, pattern: RegExp): Pids {
  const all = Object.values(cluster.processes).map((p): [string, number] => [p.name, p.pid ?? 0]);
  return new Map(all.filter(([name]) => pattern.test(name)));
}

const CONTROL_PLANE = /^(apiserver|scheduler|controller-manager|loadbalancer)/;
const NODE = /^(node-agent|proxy)/;
const ETCD = /^etcd/;

/** Waits for rest, then watches. @returns what each process takes, percent of a core. */
async function shares(pids: readonly number[]): Promise<(pid: number) => number> {
  await systemClock.sleep(SETTLE_MS);
  const before = new Map(pids.map((p) => [p, cpuSeconds(p)]));
  const started = performance.now();
  await systemClock.sleep(WINDOW_MS);
  const window = (performance.now() - started) / 1000;
  const after = new Map(pids.map((p) => [p, cpuSeconds(p)]));
  return (pid) => (((after.get(pid) ?? 0) - (before.get(pid) ?? 0)) / window) * 100;
}

const among = (pids: Pids, share: (pid: number) => number): Map<string, number> =>
  new Map([...pids].map(([name, pid]) => [name, share(pid)]));

function memory(of: Pids): { value: number; note: string } {
  const shared = among(of, proportionalMiB);
  const resident = sum([...of.values()].map(residentMiB));
  return { value: sum(shared.values()), note: `PSS; RSS ${resident.toFixed(0)}; ${each(shared, 0)}` };
}

/** A control plane that serves nobody. */
export const plane: Group = async (sink, start) => {
  const cluster = await start({ fast: false });
  try {
    const pids = pidsOf(cluster, CONTROL_PLANE);
    const used = among(pids, await shares([...pids.values()]));
    sink(row('plane-cpu', sum(used.values()), { note: each(used, 2) }));
    const { value, note } = memory(pids);
    sink(row('plane-memory', value, { note }));
  } finally {
    await cluster.stop();
  }
};

/** What a node costs that does nothing but hold ten pods. */
export async function idle(cluster: Cluster, client: Client, sink: Sink): Promise<void> {
  await cluster.nodes[0]?.ingress.start();
  await deploy(client, 'idle', PODS);
  const controlPlane = pidsOf(cluster, CONTROL_PLANE);
  const node = pidsOf(cluster, NODE);
  const etcd = pidsOf(cluster, ETCD);
  const { dns, ingress } = cluster.nodes[0] ?? {};
  const beside = { 'idle-cpu-dns': dns?.pid ?? 0, 'idle-cpu-ingress': ingress?.pid ?? 0 } as const;
  const ours = new Map([...controlPlane, ...node]);
  const machine = cluster.nodes[0]?.init();
  const others = new Set([...node.values(), ...Object.values(beside)]);
  const docker = machine === undefined ? [] : descendants(machine, others);
  const members = [...etcd.values()];
  const share = await shares([...ours.values(), ...members, ...docker, ...Object.values(beside)]);
  const used = among(ours, share);
  sink(row('idle-cpu', sum(used.values()), { note: each(used, 2) }));
  sink(row('idle-cpu-etcd', sum(members.map(share))));
  sink(row('idle-cpu-docker', sum(docker.map(share))));
  for (const id of ['idle-cpu-dns', 'idle-cpu-ingress'] as const) {
    sink(row(id, share(beside[id]), { note: `PSS ${proportionalMiB(beside[id]).toFixed(0)} MB` }));
  }
  for (const [id, pids] of [
    ['idle-memory', controlPlane],
    ['idle-memory-node', node],
  ] as const) {
    const { value, note } = memory(pids);
    sink(row(id, value, { note }));
  }
  await undeploy(client, 'idle');
  await ingress?.stop();
}
