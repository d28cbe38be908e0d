import { join, resolve } from 'node:path';
import { Nodes } from '#api/kinds/index.ts';
import { isReady } from '#api/meta/readiness.ts';
import { type Clock, systemClock } from '#async/clock.ts';
import { loadKubeconfig } from '#client/kubeconfig.ts';
import { systemExec } from '#process/exec.ts';
import { CliError } from '../errors.ts';
import { withClient } from './client.ts';
import { installation, type Joined, readJoined } from './join/machine.ts';
import { nodePaths } from './join/services.ts';
import { upgradeContainers } from './machine.ts';

type Out = (text: string) => void;

export interface UpgradeFlags {
  readonly rootDir?: string;
}

/** A part of the cluster that can be replaced by its next version while the others run. */
export interface Component {
  readonly name: string;
  /** Ends the old one and starts the new one. */
  restart(): Promise<void>;
  /** Throws, or says false, while it does not do its work. */
  healthy(): Promise<boolean>;
  /** Where to look when it does not come back. */
  readonly log: string;
}

const HEALTHY_MS = 90_000;
const RESTART_MS = 90_000;
const LOOK_MS = 200;
const PROBE_MS = 2_000;

const whyUnwell = (healthy: Component['healthy']): Promise<string | undefined> =>
  healthy().then(
    (well) => (well ? undefined : 'it does not do its work'),
    (e: Error) => e.message,
  );

/**
 * Replaces one component after the other, each when the one before does its work again.
 * @throws CliError at the first that does not; those after it are left as they are
 */
export async function upgradeRolling(out: Out, components: readonly Component[], clock: Clock): Promise<void> {
  for (const [i, { name, restart, healthy, log }] of components.entries()) {
    const started = clock.now();
    await restart();
    for (let why = await whyUnwell(healthy); why !== undefined; why = await whyUnwell(healthy)) {
      if (clock.now() - started >= HEALTHY_MS) {
        const rest = components.slice(i + 1).map((c) => c.name);
        const untouched = rest.length > 0 ? `; not begun: ${rest.join(', ')}` : '';
        throw new CliError(`${name} has not come back within ${HEALTHY_MS / 1000} s: ${why}; see ${log}${untouched}`);
      }
      await clock.sleep(LOOK_MS);
    }
    out(`${name}: runs anew, well after ${((clock.now() - started) / 1000).toFixed(1)} s\n`);
  }
}

/** Ports of the programs of a node on which they say how they are. */
const HEALTH_PORTS: Readonly<Record<string, number>> = { 'node-agent': 10248, proxy: 10256, dns: 10258 };

async function answersReady(port: number): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(PROBE_MS) });
  if (answer.ok) return true;
  throw new Error((await answer.text()).split('\n')[0] || `HTTP ${answer.status}`);
}

/** Whether the API says the node is Ready, as the node itself asks. */
async function nodeReady(root: string, { node }: Joined): Promise<boolean> {
  const config = await loadKubeconfig(nodePaths(root).conf('kubelet'));
  const found = await withClient(config, (client) => client.get(Nodes, node, undefined, { timeoutMs: PROBE_MS }));
  if (isReady(found)) return true;
  throw new Error(`node ${node} is not Ready`);
}

function nodeComponents(root: string, joined: Joined): Component[] {
  return Object.entries(HEALTH_PORTS).map(([name, port]) => ({
    name,
    log: join(nodePaths(root).log, `${name}.log`),
    async restart() {
      const script = join(installation(), 'deploy/services.sh');
      const { code, stderr } = await systemExec('sh', [script, 'restart', root, name], { timeoutMs: RESTART_MS });
      if (code !== 0) throw new CliError(`${name} could not be restarted: ${stderr.trim()}`);
    },
    healthy: async () => (await answersReady(port)) && (name !== 'node-agent' || (await nodeReady(root, joined))),
  }));
}

/**
 * `cox cluster upgrade`: the programs of this machine are replaced by those of this installation, one at a time; pods, their
 * network and the rules of Services go on meanwhile. @returns the exit code
 */
export async function upgradeMachine(out: Out, o: UpgradeFlags): Promise<number> {
  if (process.getuid?.() !== 0) throw new CliError('only root can upgrade this machine');
  const root = resolve(o.rootDir ?? '/var/lib/coxswain');
  const joined = readJoined(root);
  if (!joined) return upgradeContainers();
  await upgradeRolling(out, nodeComponents(root, joined), systemClock);
  return 0;
}
