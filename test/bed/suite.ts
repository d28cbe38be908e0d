import { afterAll, afterEach, beforeAll } from 'vitest';
import { type Cluster, type ClusterOptions, startCluster } from './cluster.ts';

/**
 * One cluster for all tests of a file: started before the first, ended after the last. The logs of every process are kept
 * in .test-artifacts when a test failed.
 * @param label names that folder. @returns access to the cluster, from within tests and hooks.
 */
export function useCluster(label: string, options: ClusterOptions = {}): () => Cluster {
  let cluster: Cluster | undefined;
  let failed = false;
  beforeAll(async () => {
    cluster = await startCluster(options);
  });
  afterEach(({ task }) => {
    if (task.result?.state === 'fail') failed = true;
  });
  afterAll(async () => {
    if (failed && cluster) console.error(`logs of the failed run: ${cluster.saveArtefacts(label)}`);
    await cluster?.stop();
  });
  return () => {
    if (!cluster) throw new Error('the cluster is not running: use it inside a test or a hook');
    return cluster;
  };
}
