import { apiTime } from '#api/meta/time.ts';
import type { PodFiles } from './file-use.ts';
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
        readBytes: a.readBytes + b.readBytes,
        writtenBytes: a.writtenBytes + b.writtenBytes,
      }),
      first,
    )
  );
}

/** All cgroups of a pod. */
export const podTotal = (p: PodUsage): Usage | undefined =>
  total([...p.containers.map((c) => c.usage), ...(p.overhead ? [p.overhead] : [])]);

const space = (d: DiskUsage) => ({
  availableBytes: d.available,
  capacityBytes: d.capacity,
  inodesFree: d.inodesFree,
  inodes: d.inodes,
});

/** Volumes, and what a pod has on the node's disk in all. */
function podFiles(files: PodFiles | undefined, disk: DiskUsage) {
  if (!files) return {};
  const time = apiTime(files.at);
  const volume = files.volumes.map((v) => ({
    ...{ time, ...space(v.disk), usedBytes: v.used, inodesUsed: v.inodes, name: v.name },
  }));
  const written = [...files.containers.values()].map((c) => c.layer + c.log);
  const kept = files.volumes.filter((v) => v.ephemeral).map((v) => v.used);
  const usedBytes = [...written, ...kept].reduce((a, b) => a + b, 0);
  return { ...(volume.length > 0 ? { volume } : {}), 'ephemeral-storage': { time, ...space(disk), usedBytes } };
}

/** Layer and log of a container, both on the disk of images. */
function containerFiles(files: PodFiles | undefined, name: string, disk: DiskUsage) {
  const written = files?.containers.get(name);
  if (!files || !written) return {};
  const on = { time: apiTime(files.at), ...space(disk) };
  return { rootfs: { ...on, usedBytes: written.layer }, logs: { ...on, usedBytes: written.log } };
}

function podSummary(p: PodUsage, files: PodFiles | undefined, n: Pick<NodeUsage, 'disk' | 'imageDisk'>) {
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
      ...containerFiles(files, record.name, n.imageDisk),
    })),
    ...podFiles(files, n.disk),
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

/**
 * `/stats/summary` (kubelet stats v1alpha1). Pure.
 * @param files what pods have written, by UID, as far as it is known
 */
export function summary(n: NodeUsage, files: ReadonlyMap<string, PodFiles> = new Map()): object {
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
    pods: n.pods.map((p) => podSummary(p, files.get(p.pod.metadata.uid), n)),
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
