import { systemClock } from '#async/clock.ts';
import type { Client } from '#client/types.ts';
import type { Cluster } from '../../bed/cluster.ts';
import { cpuSeconds, descendants, proportionalMiB, residentMiB } from '../machine/processes.ts';
import { row } from '../rows.ts';
import type { Sink } from './group.ts';
import { deploy, undeploy } from './pods.ts';

const PODS = 10;
const SETTLE_MS = 15_000;
const WINDOW_MS = 40_000;

interface Parts {
  readonly controlPlane: ReadonlyMap<string, number>;
  readonly node: ReadonlyMap<string, number>;
  readonly etcd: ReadonlyMap<string, number>;
}

function partsOf(cluster: Cluster): Parts {
  const pids = Object.values(cluster.processes).map((p): [string, number] => [p.name, p.pid ?? 0]);
  const of = (pattern: RegExp): Map<string, number> => new Map(pids.filter(([name]) => pattern.test(name)));
  return {
    controlPlane: of(/^(apiserver|scheduler|controller-manager|loadbalancer)/),
    node: of(/^(node-agent|proxy)/),
    etcd: of(/^etcd/),
  };
}

const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0);

/** Names and figures, the largest first. */
const each = (of: ReadonlyMap<string, number>, digits: number): string =>
  [...of]
    .sort((a, b) => b[1] - a[1])
    .map(([name, value]) => `${name} ${value.toFixed(digits)}`)
    .join(', ');

/** What a node costs that does nothing but hold ten pods. */
export async function idle(cluster: Cluster, client: Client, sink: Sink): Promise<void> {
  await cluster.nodes[0]?.ingress.start();
  await deploy(client, 'idle', PODS);
  await systemClock.sleep(SETTLE_MS);
  const { controlPlane, node, etcd } = partsOf(cluster);
  const { dns, ingress } = cluster.nodes[0] ?? {};
  const beside = { 'idle-cpu-dns': dns?.pid ?? 0, 'idle-cpu-ingress': ingress?.pid ?? 0 } as const;
  const ours = new Map([...controlPlane, ...node]);
  const machine = cluster.nodes[0]?.init();
  const docker =
    machine === undefined ? [] : descendants(machine, new Set([...node.values(), ...Object.values(beside)]));
  const used = (pids: Iterable<number>): Map<number, number> => new Map([...pids].map((p) => [p, cpuSeconds(p)]));
  const all = [...ours.values(), ...etcd.values(), ...docker, ...Object.values(beside)];
  const before = used(all);
  const started = performance.now();
  await systemClock.sleep(WINDOW_MS);
  const after = used(all);
  const window = (performance.now() - started) / 1000;
  const percent = (pid: number): number => (((after.get(pid) ?? 0) - (before.get(pid) ?? 0)) / window) * 100;
  const shares = new Map([...ours].map(([name, pid]) => [name, percent(pid)]));
  sink(row('idle-cpu', sum(shares.values()), { note: each(shares, 2) }));
  sink(row('idle-cpu-etcd', sum([...etcd.values()].map(percent))));
  sink(row('idle-cpu-docker', sum(docker.map(percent))));
  for (const id of ['idle-cpu-dns', 'idle-cpu-ingress'] as const) {
    sink(row(id, percent(beside[id]), { note: `PSS ${proportionalMiB(beside[id]).toFixed(0)} MB` }));
  }
  const memory = (of: ReadonlyMap<string, number>): { value: number; note: string } => {
    const shared = new Map([...of].map(([name, pid]) => [name, proportionalMiB(pid)]));
    const resident = sum([...of.values()].map(residentMiB));
    return { value: sum(shared.values()), note: `PSS; RSS ${resident.toFixed(0)}; ${each(shared, 0)}` };
  };
  const plane = memory(controlPlane);
  sink(row('idle-memory', plane.value, { note: plane.note }));
  const nodes = memory(node);
  sink(row('idle-memory-node', nodes.value, { note: nodes.note }));
  await undeploy(client, 'idle');
  await ingress?.stop();
}
