import { silentLogger } from '#process/logger.ts';
import { openEtcd } from '#storage/etcd/open.ts';
import type { Cluster } from '../../bed/cluster.ts';
import { balancerAnswers } from '../../bed/wait.ts';

/** Makes etcd and the API servers forget all history, as five minutes would. */
export async function forgetHistory(cluster: Cluster): Promise<void> {
  const { endpoints, caFile, certFile, keyFile } = cluster.etcd;
  const etcd = await openEtcd({ endpoints, caFile, certFile, keyFile, logger: silentLogger });
  await etcd.compact(await etcd.currentRevision());
  await etcd.close();
  const { apiserver1, apiserver2 } = cluster.processes;
  // One after the other: leaders that find no server for a while give up.
  for (const server of [apiserver1, apiserver2]) {
    await server.restart();
    await balancerAnswers(cluster);
  }
}
