/** Makes the archives that are missing and loads them: `node deploy/images/main.ts workloads|system|all [docker host]`. */
import { systemClock } from '#async/clock.ts';
import { ensureLoaded } from './store.ts';
import { systemImage } from './system.ts';
import { workloadImages } from './workloads.ts';

const [which = 'all', host] = process.argv.slice(2);
const makers = { workloads: [workloadImages], system: [systemImage], all: [workloadImages, systemImage] }[which];
if (!makers) {
  console.error(`images: ${which} is not one of workloads, system, all`);
  process.exit(1);
}
try {
  for (const make of makers) {
    const started = systemClock.now();
    const archive = await make();
    const loaded = host === 'none' ? false : await ensureLoaded(archive, host);
    const what = `${archive.names.join(', ')} (${archive.key})`;
    console.log(`${what}: ${loaded ? `loaded in ${systemClock.now() - started} ms` : 'present'}`);
  }
} catch (e) {
  console.error(`images: ${(e as Error).message}`);
  process.exit(1);
}
