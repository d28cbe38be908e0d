import { apiTime } from '#api/meta/time.ts';
import type { DiskUsage } from './machine.ts';
import type { NodeUsage, PodUsage } from './node-stats.ts';
import type { Usage } from './usage.ts';

const cpu = (at: number, total: number, rate: number | undefined) => ({
  time: apiTime(at),
  ...(rate === undefined ? {} : { usageNanoCores: rate }),
  usageCoreNanoSeconds: total,
});

const memory = (u: Usage, limit: number) => ({
  time: apiTime(u.at),
  ...(limit > 0 ? { availableBytes: Math.max(0, limit - u.workingSet) } : {}),
  usageBytes: u.memory,
  workingSetBytes: u.workingSet,
  rssBytes: u.rss,
  pageFaults: u.pageFaults,
  majorPageFaults: u.majorPageFaults,
});

/** The usage of several cgroups as one; undefined for none. */
export function total(all: readonly Usage[]): Usage | undefined {
  const [first, ...rest] = all;
  return (
    first &&
    rest.reduce(
      (a, b) => ({
        at: Math.max(a.at, b.at),
        cpuNs: a.cpuNs + b.cpuNs,
        windowMs: Math.max(a.windowMs, b.windowMs),
        cpuRate: a.cpuRate === undefined || b.cpuRate === undefined ? undefined : a.cpuRate + b.cpuRate,
        memory: a.memory + b.memory,
        workingSet: a.workingSet + b.workingSet,
        rss: a.rss + b.rss,
        pageFaults: a.pageFaults + b.pageFaults,
        majorPageFaults: a.majorPageFaults + b.majorPageFaults,
        processes: a.processes + b.processes,
      }),
      first,
    )
  );
}

/** All cgroups of a pod. */
export const podTotal = (p: PodUsage): Usage | undefined =>
  total([...p.containers.map((c) => c.usage), ...(p.overhead ? [p.overhead] : [])]);

function podSummary(p: PodUsage) {
  const { name, namespace, uid } = p.pod.metadata;
  const all = podTotal(p);
  return {
    podRef: { name, namespace, uid },
    startTime: p.pod.status?.startTime ?? p.pod.metadata.creationTimestamp,
    containers: p.containers.map(({ record, usage }) => ({
      name: record.name,
      startTime: apiTime(record.startedAt),
      cpu: cpu(usage.at, usage.cpuNs, usage.cpuRate),
      memory: memory(usage, record.limits?.memoryBytes ?? 0),
    })),
    ...(all
      ? {
          cpu: cpu(all.at, all.cpuNs, all.cpuRate),
          memory: memory(all, 0),
          process_stats: { process_count: all.processes },
        }
      : {}),
    ...(p.network
      ? {
          network: {
            time: apiTime(all?.at ?? 0),
            name: 'eth0',
            ...p.network,
            interfaces: [{ name: 'eth0', ...p.network }],
          },
        }
      : {}),
  };
}

const fileSystem = (at: number, disk: DiskUsage) => ({
  time: apiTime(at),
  availableBytes: disk.available,
  capacityBytes: disk.capacity,
  usedBytes: disk.capacity - disk.available,
  inodesFree: disk.inodesFree,
  inodes: disk.inodes,
  inodesUsed: disk.inodes - disk.inodesFree,
});

/** `/stats/summary` (kubelet stats v1alpha1). Pure. */
export function summary(n: NodeUsage): object {
  const { machine: m } = n;
  const imageFs = fileSystem(n.at, n.imageDisk);
  return {
    node: {
      nodeName: n.nodeName,
      startTime: apiTime(n.bootedAt),
      cpu: cpu(n.at, m.cpuNs, n.cpuRate),
      memory: {
        time: apiTime(n.at),
        availableBytes: m.memoryAvailable,
        usageBytes: m.memoryTotal - m.memoryAvailable,
        workingSetBytes: m.memoryTotal - m.memoryAvailable,
      },
      fs: fileSystem(n.at, n.disk),
      runtime: { imageFs, containerFs: imageFs },
      rlimit: { time: apiTime(n.at), maxpid: m.maxProcesses, curproc: m.processes },
    },
    pods: n.pods.map(podSummary),
  };
}

/** What `/stats/summary?only_cpu_and_memory=true` says of one cgroup; `windowMs` is what the rate is taken over. */
const brief = (at: number, u: Pick<Usage, 'cpuNs' | 'cpuRate' | 'workingSet' | 'windowMs'>) => ({
  cpu: { ...cpu(at, u.cpuNs, u.cpuRate), windowMs: u.windowMs },
  memory: { time: apiTime(at), workingSetBytes: u.workingSet },
});

/** `/stats/summary?only_cpu_and_memory=true`: what the resource metrics API needs. Pure. */
export function briefSummary(n: NodeUsage): object {
  const { machine: m } = n;
  const workingSet = m.memoryTotal - m.memoryAvailable;
  return {
    node: { nodeName: n.nodeName, ...brief(n.at, { ...n, cpuNs: m.cpuNs, workingSet }) },
    pods: n.pods.map(({ pod, containers }) => ({
      podRef: { name: pod.metadata.name, namespace: pod.metadata.namespace, uid: pod.metadata.uid },
      containers: containers.map(({ record, usage }) => ({ name: record.name, ...brief(usage.at, usage) })),
    })),
  };
}
