import { ConfigMaps, type Pod, Pods, Secrets } from '#api/kinds/index.ts';
import { isNotFound } from '#api/meta/errors.ts';
import { systemClock } from '#async/clock.ts';
import type { Client } from '#client/types.ts';
import type { Cluster } from '../bed/cluster.ts';
import type { ClusterNode } from '../bed/cluster-node.ts';
import { waitFor } from '../bed/wait.ts';
import { counts, leaks, type Remains, remains } from './remains.ts';

export interface Waves {
  readonly waves: number;
  /** In each wave. */
  readonly pods: number;
  /** Decides when the agent is killed. */
  readonly seed: number;
}

const NAMESPACE = 'default';
const LABELS = { app: 'soak' };
/** Machines may be slow: how long a wave took is printed. */
const WAVE_MS = 900_000;
/** Connections nobody uses are closed after 45 s; what else goes by itself, within as many minutes. */
const SETTLE_MS = 300_000;
const MEASURED = ['containers', 'mounts', 'cgroups', 'veths', 'addresses', 'folders'] as const;

/** A reproducible sequence of whole numbers from 0 up to, not including, `n`. */
function randomFrom(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

const probe = { exec: { command: ['true'] }, periodSeconds: 2 };

/** Pods of several kinds in turn: with volumes of every sort, with probes, some that end by themselves, some that fail. */
export function soakPod(name: string, n: number): Pod {
  const [script, more, restartPolicy] = (
    [
      ['sleep 3600', {}, 'Always'],
      ['sleep 3600', { readinessProbe: probe, livenessProbe: probe }, 'Always'],
      ['sleep 1', {}, 'Never'],
      ['sleep 1; exit 1', {}, 'OnFailure'],
      ['trap "exit 0" TERM; sleep 3600 & wait', {}, 'Always'],
    ] as const
  )[n % 5] ?? ['sleep 3600', {}, 'Always'];
  const volumes = [
    { name: 'disk', emptyDir: {} },
    { name: 'memory', emptyDir: { medium: 'Memory' } },
    { name: 'settings', configMap: { name: 'soak' } },
    { name: 'secret', secret: { secretName: 'soak' } },
  ];
  const volumeMounts = volumes.map((v) => ({ name: v.name, mountPath: `/${v.name}` }));
  const image = { image: 'coxswain/busybox:1', imagePullPolicy: 'Never' };
  return {
    metadata: { name, namespace: NAMESPACE, labels: LABELS },
    spec: {
      restartPolicy,
      terminationGracePeriodSeconds: 1,
      volumes,
      containers: [{ name: 'main', ...image, command: ['sh', '-c', script], volumeMounts, ...more }],
    },
  } as unknown as Pod;
}

async function live(client: Client): Promise<Pod[]> {
  return (await client.list(Pods, { namespace: NAMESPACE, labelSelector: 'app=soak' })).items;
}

const settled = (p: Pod): boolean => ['Running', 'Succeeded', 'Failed'].includes(p.status?.phase ?? '');

interface Disturb {
  /** Runs while pods come, and while they go. */
  meanwhile?(): Promise<void>;
  /** Runs when all are there. */
  full?(): Promise<void>;
}

/** Creates a wave of pods and deletes it again. */
async function wave(client: Client, name: string, pods: number, disturb: Disturb = {}): Promise<void> {
  const started = performance.now();
  const seconds = (): string => ((performance.now() - started) / 1000).toFixed(1);
  const names = Array.from({ length: pods }, (_, i) => `${name}-${i}`);
  const up = Promise.all(names.map((n, i) => client.create(Pods, soakPod(n, i))));
  await Promise.all([up, disturb.meanwhile?.()]);
  await waitFor(
    `${name}: all settled`,
    async () => {
      const all = await live(client);
      return all.length === pods && all.every(settled);
    },
    { timeoutMs: WAVE_MS, everyMs: 500 },
  );
  const there = seconds();
  await disturb.full?.();
  const gone = Promise.all(
    names.map((n) =>
      client.delete(Pods, n, NAMESPACE).catch((e: unknown) => {
        if (!isNotFound(e)) throw e;
      }),
    ),
  );
  await Promise.all([gone, disturb.meanwhile?.()]);
  const empty = async (): Promise<boolean> => (await live(client)).length === 0;
  await waitFor(`${name}: all gone`, empty, { timeoutMs: WAVE_MS, everyMs: 500 });
  console.log(`${name}: there after ${there} s, gone after ${seconds()} s`);
}

/** Waits until nothing more goes away, at most a while, and says what is left. */
async function settledRemains(node: ClusterNode, before: Remains): Promise<{ now: Remains; left: string[] }> {
  let now = await remains(node);
  await waitFor(
    'nothing is left',
    async () => {
      now = await remains(node);
      return leaks(before, now).length === 0;
    },
    { timeoutMs: SETTLE_MS, everyMs: 5000 },
  ).catch(() => {});
  return { now, left: leaks(before, now) };
}

/** Waves of pods while the agent is killed again and again, then without: in the end the node is as it was. @returns problems */
export async function waves(cluster: Cluster, client: Client, o: Waves): Promise<string[]> {
  const [node] = cluster.nodes;
  if (!node) throw new Error('no node');
  const random = randomFrom(o.seed);
  await client.create(ConfigMaps, { metadata: { name: 'soak', namespace: NAMESPACE }, data: { a: '1' } });
  await client.create(Secrets, { metadata: { name: 'soak', namespace: NAMESPACE }, stringData: { b: '2' } });
  let kills = 0;
  const kill = async (): Promise<void> => {
    for (let n = random(3); n >= 0; n--) {
      await systemClock.sleep(200 + random(3000));
      await node.agent.kill('SIGKILL');
      await node.agent.start();
      kills++;
    }
  };
  // The first wave brings what stays: bridge, chains, images in memory.
  let full: Remains | undefined;
  const look = async (): Promise<void> => {
    full = await remains(node);
  };
  await wave(client, 'first', o.pods, { full: look });
  const before = await remains(node);
  console.log(`with ${o.pods} pods: ${full && counts(full)}\nwithout: ${counts(before)}`);
  // What cannot be seen while pods are there cannot be missed when they are gone.
  const unseen = MEASURED.filter((what) => (full?.[what].length ?? 0) <= before[what].length);
  if (unseen.length > 0) return [`not measured: ${unseen.join(', ')}`];
  const started = performance.now();
  for (let n = 1; n <= o.waves; n++) await wave(client, `killed-${n}`, o.pods, { meanwhile: kill });
  const afterKills = await settledRemains(node, before);
  const took = Math.round((performance.now() - started) / 1000);
  console.log(`after ${o.waves * o.pods} pods and ${kills} kills in ${took} s: ${counts(afterKills.now)}`);
  // Its memory counts from its last start on: warm it, then see that waves leave none behind.
  await node.agent.restart();
  for (const n of [1, 2]) await wave(client, `warm-${n}`, o.pods);
  const warm = await remains(node);
  console.log(`restarted and warm: ${counts(warm)}`);
  for (const n of [1, 2, 3]) await wave(client, `calm-${n}`, o.pods);
  const afterCalm = await settledRemains(node, warm);
  console.log(`after ${3 * o.pods} more: ${counts(afterCalm.now)}`);
  return [...afterKills.left.map((l) => `with kills: ${l}`), ...afterCalm.left.map((l) => `without: ${l}`)];
}
