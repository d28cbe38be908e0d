import type { NodeUsage } from './node-stats.ts';
import { family } from './prometheus-text.ts';
import { podTotal } from './summary.ts';

const NS = 1e9;

const stable = (
  [name, type, help]: [string, 'counter' | 'gauge', string],
  samples: Parameters<typeof family>[1],
): string => family({ name, type, help: `[STABLE] ${help}` }, samples);

/** `/metrics/resource` in Prometheus' text format ("Node metrics data"): what a metrics server reads. Pure. */
export function resourceMetrics(n: NodeUsage): string {
  const pods = n.pods.map((p) => {
    const { name = '', namespace = '' } = p.pod.metadata;
    return { labels: { namespace, pod: name }, p, all: podTotal(p) };
  });
  const containers = pods.flatMap(({ labels, p }) =>
    p.containers.map(({ record, usage }) => ({ labels: { container: record.name, ...labels }, record, usage })),
  );
  const whole = pods.flatMap(({ labels, all }) => (all ? [{ labels, all }] : []));
  const { machine: m, at } = n;
  const none = {};
  return [
    stable(
      ['container_cpu_usage_seconds_total', 'counter', 'Cumulative cpu time consumed by the container in core-seconds'],
      containers.map(({ labels, usage }) => ({ labels, value: usage.cpuNs / NS, at: usage.at })),
    ),
    stable(
      ['container_memory_working_set_bytes', 'gauge', 'Current working set of the container in bytes'],
      containers.map(({ labels, usage }) => ({ labels, value: usage.workingSet, at: usage.at })),
    ),
    stable(
      ['container_start_time_seconds', 'gauge', 'Start time of the container since unix epoch in seconds'],
      containers.map(({ labels, record, usage }) => ({ labels, value: record.startedAt / 1000, at: usage.at })),
    ),
    stable(
      ['node_cpu_usage_seconds_total', 'counter', 'Cumulative cpu time consumed by the node in core-seconds'],
      [{ labels: none, value: m.cpuNs / NS, at }],
    ),
    stable(
      ['node_memory_working_set_bytes', 'gauge', 'Current working set of the node in bytes'],
      [{ labels: none, value: m.memoryTotal - m.memoryAvailable, at }],
    ),
    stable(
      ['pod_cpu_usage_seconds_total', 'counter', 'Cumulative cpu time consumed by the pod in core-seconds'],
      whole.map(({ labels, all }) => ({ labels, value: all.cpuNs / NS, at: all.at })),
    ),
    stable(
      ['pod_memory_working_set_bytes', 'gauge', 'Current working set of the pod in bytes'],
      whole.map(({ labels, all }) => ({ labels, value: all.workingSet, at: all.at })),
    ),
    '# HELP resource_scrape_error [STABLE] 1 if there was an error while getting container metrics, 0 otherwise\n# TYPE resource_scrape_error gauge\nresource_scrape_error 0\n',
  ].join('');
}
