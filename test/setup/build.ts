import { join } from 'node:path';
import { build } from '../../deploy/build.ts';
import { ensureLoaded } from '../../deploy/images/store.ts';
import { workloadImages } from '../../deploy/images/workloads.ts';
import { run } from '../../deploy/run.ts';
import { repository } from '../bed/layout.ts';

const dockerd = join(repository, 'deploy/dockerd.sh');

/** Before integration and e2e tests: our programs are built, a dockerd answers, and it has our images. */
export async function setup(): Promise<() => Promise<void>> {
  await build();
  const started = await run(dockerd, ['start']);
  await ensureLoaded(await workloadImages());
  return async () => {
    // Only the one started here; and that one stays as long as somebody's containers run in it.
    if (started !== '') await run(dockerd, ['stop']);
  };
}

export default setup;
