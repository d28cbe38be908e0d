import { DockerStreams } from '#agent/runtime/docker-streams.ts';
import { reviewedAccess } from '#agent/server/reviews.ts';
import { type ServingCertificate, startAgentServer } from '#agent/server/server.ts';
import { containerMetrics } from '#agent/stats/container-metrics.ts';
import { FileUse } from '#agent/stats/file-use.ts';
import { resourceMetrics } from '#agent/stats/resource-metrics.ts';
import { briefSummary, summary } from '#agent/stats/summary.ts';
import { filesOf } from '#agent/volumes/volumes.ts';
import { systemExec } from '#process/exec.ts';
import { startHealthServer } from '#process/health.ts';
import { processRegistry } from '#process/metrics.ts';
import type { Base } from './base.ts';

export interface Ports {
  /** Serves new connections with another certificate. */
  reload(tls: ServingCertificate): void;
  close(): Promise<void>;
}

/** What Docker needs at most to tell of commands whose connections end with the agent, milliseconds. */
const ENDING_MS = 5_000;

/** Opens the agent's ports: health, and 10250. */
export async function openPorts(base: Base): Promise<Ports> {
  const { f, checked, client, clock, logger, runtime, view, pods, stats } = base;
  const registry = processRegistry();
  const probed = await startHealthServer({ address: f.healthAddress, checks: {}, registry });
  const files = new FileUse({ runtime, exec: systemExec, clock, filesOf: (uid, v) => filesOf(f.rootDir, uid, v) });
  const withFiles = async () => {
    const usage = await stats.measure();
    return [usage, await files.of(usage.pods)] as const;
  };
  const streams = new DockerStreams({ runtime, view, pods: pods.lister });
  const server = await startAgentServer({
    address: f.address,
    port: f.port,
    tls: checked.tls,
    clientCa: checked.clientCa,
    clock,
    log: logger,
    streams,
    health: probed.health,
    ...reviewedAccess({ client, clock, nodeName: f.nodeName }),
    metrics: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
    metricPages: {
      resource: async () => resourceMetrics(await stats.measure()),
      cadvisor: async () => containerMetrics(...(await withFiles())),
    },
    stats: async (brief) => (brief ? briefSummary(await stats.rates()) : summary(...(await withFiles()))),
  });
  return {
    reload: (tls) => server.reload(tls, checked.clientCa),
    async close() {
      await server.close();
      await Promise.race([streams.settled(), clock.sleep(ENDING_MS)]);
      await probed.close();
    },
  };
}
