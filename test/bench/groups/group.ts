import { createClient } from '#client/client.ts';
import { loadKubeconfig } from '#client/kubeconfig.ts';
import type { Client } from '#client/types.ts';
import { silentLogger } from '#process/logger.ts';
import type { Cluster, ClusterOptions } from '../../bed/cluster.ts';
import type { Target } from '../generator/connection.ts';
import type { Row } from '../rows.ts';

/** Takes each row as it is measured. */
export type Sink = (row: Row) => void;

/** Starts a cluster of those programs that are measured: ours, or the reference. */
export type Start = (options: ClusterOptions) => Promise<Cluster>;

/** A part of the benchmark with clusters of its own. */
export type Group = (sink: Sink, start: Start) => Promise<void>;

export async function clientOf(cluster: Cluster): Promise<Client> {
  const config = await loadKubeconfig(cluster.kubeconfig);
  return createClient({ ...config, userAgent: 'bench', logger: silentLogger });
}

/** One API server of a cluster, spoken to directly, as administrator. */
export async function targetOf(cluster: Cluster, server = cluster.apiservers[0] ?? cluster.server): Promise<Target> {
  const { ca, cert, key } = await loadKubeconfig(cluster.kubeconfig);
  const { hostname, port } = new URL(server);
  const text = (b: Buffer | undefined): string => b?.toString() ?? '';
  return { host: hostname, port: Number(port), ca: text(ca), cert: text(cert), key: text(key) };
}

export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

export const milliseconds = (n: number): string => `${n.toFixed(n < 10 ? 1 : 0)} ms`;
