import type { PodFiles } from './file-use.ts';
import type { NodeUsage, PodUsage } from './node-stats.ts';
import { family } from './prometheus-text.ts';
import type { NetworkUsage, Usage } from './usage.ts';

const NS = 1e9;

type Kind = 'counter' | 'gauge';
type PerContainer = readonly [name: string, type: Kind, help: string, value: (u: Usage) => number];

const CONTAINERS: readonly PerContainer[] = [
  ['container_cpu_usage_seconds_total', 'counter', 'Cumulative cpu time consumed in seconds.', (u) => u.cpuNs / NS],
  ['container_memory_usage_bytes', 'gauge', 'Current memory usage in bytes.', (u) => u.memory],
  ['container_memory_working_set_bytes', 'gauge', 'Current working set in bytes.', (u) => u.workingSet],
  ['container_memory_rss', 'gauge', 'Size of RSS in bytes.', (u) => u.rss],
  ['container_fs_reads_bytes_total', 'counter', 'Cumulative count of bytes read.', (u) => u.readBytes],
  ['container_fs_writes_bytes_total', 'counter', 'Cumulative count of bytes written.', (u) => u.writtenBytes],
];

const NETWORK: readonly (readonly [name: string, help: string, value: (n: NetworkUsage) => number])[] = [
  ['container_network_receive_bytes_total', 'Cumulative count of bytes received.', (n) => n.rxBytes],
  ['container_network_receive_errors_total', 'Cumulative count of errors while receiving.', (n) => n.rxErrors],
  ['container_network_transmit_bytes_total', 'Cumulative count of bytes transmitted.', (n) => n.txBytes],
  ['container_network_transmit_errors_total', 'Cumulative count of errors while transmitting.', (n) => n.txErrors],
];

const podLabels = ({ pod: { metadata } }: PodUsage) => ({ namespace: metadata.namespace ?? '', pod: metadata.name });

/**
 * `/metrics/cadvisor`: usage of each container, and of each pod's network, in Prometheus' text format. Pure.
 * @param files what pods have written, by UID, as far as it is known
 */
export function containerMetrics(
  { at, machine, pods, imageDisk }: NodeUsage,
  files: ReadonlyMap<string, PodFiles> = new Map(),
): string {
  const containers = pods.flatMap((p) =>
    p.containers.map(({ record, usage }) => ({
      record,
      usage,
      written: files.get(p.pod.metadata.uid)?.containers.get(record.name),
      labels: { container: record.name, id: record.id, image: record.image, ...podLabels(p) },
    })),
  );
  const networks = pods.flatMap((p) =>
    p.network ? [{ labels: { interface: 'eth0', ...podLabels(p) }, network: p.network }] : [],
  );
  return [
    ...CONTAINERS.map(([name, type, help, value]) =>
      family(
        { name, type, help },
        containers.map(({ labels, usage }) => ({ labels, value: value(usage), at: usage.at })),
      ),
    ),
    family(
      { name: 'container_fs_usage_bytes', type: 'gauge', help: 'Bytes that the container has written into its layer.' },
      containers.flatMap(({ labels, written }) => (written ? [{ labels, value: written.layer, at }] : [])),
    ),
    family(
      { name: 'container_fs_limit_bytes', type: 'gauge', help: 'Bytes that the disk of its layer has.' },
      containers.map(({ labels }) => ({ labels, value: imageDisk.capacity, at })),
    ),
    family(
      { name: 'container_start_time_seconds', type: 'gauge', help: 'Start time of the container since unix epoch.' },
      containers.map(({ labels, record, usage }) => ({ labels, value: record.startedAt / 1000, at: usage.at })),
    ),
    family(
      { name: 'container_spec_memory_limit_bytes', type: 'gauge', help: 'Memory limit for the container.' },
      containers.map(({ labels, record, usage }) => ({ labels, value: record.limits?.memoryBytes ?? 0, at: usage.at })),
    ),
    ...NETWORK.map(([name, help, value]) =>
      family(
        { name, type: 'counter', help },
        networks.map(({ labels, network }) => ({ labels, value: value(network), at })),
      ),
    ),
    family({ name: 'machine_memory_bytes', type: 'gauge', help: 'Amount of memory installed on the machine.' }, [
      { labels: {}, value: machine.memoryTotal, at },
    ]),
  ].join('');
}
