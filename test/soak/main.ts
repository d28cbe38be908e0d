/**
 * Wears a node out: `node test/soak/main.ts [waves] [idle]`, both by default. Waves of pods (`--waves 6 --pods 50`) come and go
 * while the agent is killed at random (`--seed N` repeats a run); then a full node idles (`--idle-pods 110`). Prints figures; the
 * exit code tells whether anything was left behind or a limit missed.
 */
import { parseArgs } from 'node:util';
import { startCluster } from '../bed/cluster.ts';
import { clientOf } from '../bench/groups/group.ts';
import { idle } from './idle.ts';
import { waves } from './waves.ts';

const PARTS = ['waves', 'idle'];

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    waves: { type: 'string', default: '6' },
    pods: { type: 'string', default: '50' },
    'idle-pods': { type: 'string', default: '110' },
    seed: { type: 'string', default: String(Date.now() % 100_000) },
  },
});

async function main(): Promise<number> {
  const unknown = positionals.find((p) => !PARTS.includes(p));
  if (unknown) throw new Error(`"${unknown}" is no part of the soak; there are ${PARTS.join(', ')}`);
  const wanted = positionals.length > 0 ? positionals : PARTS;
  const cluster = await startCluster({ nodes: 1, apiservers: 1, fast: false });
  const client = await clientOf(cluster);
  const problems: string[] = [];
  try {
    if (wanted.includes('waves')) {
      console.log(`seed ${values.seed}`);
      const options = { waves: Number(values.waves), pods: Number(values.pods), seed: Number(values.seed) };
      problems.push(...(await waves(cluster, client, options)));
    }
    if (wanted.includes('idle')) problems.push(...(await idle(cluster, client, Number(values['idle-pods']))));
  } catch (e) {
    console.error(`logs: ${cluster.saveArtefacts('soak')}`);
    throw e;
  } finally {
    await client.close();
    await cluster.stop();
  }
  for (const p of problems) console.error(`LEFT: ${p}`);
  return problems.length === 0 ? 0 : 1;
}

process.exitCode = await main();
