import { type Deployment, Deployments, type Pod, Pods } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Client } from '#client/types.ts';
import type { Cluster } from '../../bed/cluster.ts';
import { waitFor } from '../../bed/wait.ts';
import { type ContainerEvent, RawDocker } from '../machine/docker.ts';
import { row } from '../rows.ts';
import { median, type Sink } from './group.ts';

const NAMESPACE = 'default';
const SINGLES = 5;
const REPLICAS = 30;
/** How many containers the bound starts at a time: more does not make dockerd faster. */
const DOCKER_LANES = 8;
const LIMIT_MS = 900_000;

const podSpec = {
  terminationGracePeriodSeconds: 1,
  containers: [
    { name: 'main', image: 'coxswain/busybox:1', imagePullPolicy: 'Never' as const, command: ['sleep', '3600'] },
  ],
};

const isReady = (p: Pod): boolean =>
  p.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;

/** Follows the pods of the namespace as they change. */
class PodsSeen {
  readonly #pods = new Map<string, Stored<Pod>>();
  readonly #stop = new AbortController();
  #changed: () => void = () => {};

  static async open(client: Client): Promise<PodsSeen> {
    const seen = new PodsSeen();
    const { items, resourceVersion } = await client.list(Pods, { namespace: NAMESPACE });
    for (const p of items) seen.#pods.set(p.metadata.name, p);
    void seen.#follow(client, resourceVersion).catch(() => {});
    return seen;
  }

  async #follow(client: Client, resourceVersion: string): Promise<void> {
    const { signal } = this.#stop;
    for await (const e of client.watch(Pods, { namespace: NAMESPACE, resourceVersion, signal })) {
      if (e.type === 'BOOKMARK') continue;
      if (e.type === 'DELETED') this.#pods.delete(e.object.metadata.name);
      else this.#pods.set(e.object.metadata.name, e.object);
      this.#changed();
    }
  }

  /** Resolves as soon as the pods are as wanted. */
  until(what: string, check: (pods: readonly Stored<Pod>[]) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${what}: not within ${LIMIT_MS / 1000} s`)), LIMIT_MS);
      this.#changed = () => {
        if (!check([...this.#pods.values()])) return;
        clearTimeout(late);
        this.#changed = () => {};
        resolve();
      };
      this.#changed();
    });
  }

  close(): void {
    this.#stop.abort();
  }
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

/** What dockerd takes by itself for the same containers. */
async function bounds(docker: RawDocker): Promise<{ one: number; all: number; removal: number }> {
  const made: string[] = [];
  const ones: number[] = [];
  for (let i = 0; i < SINGLES; i++) ones.push(await seconds(async () => made.push(...(await docker.pod()))));
  await docker.remove(made.splice(0));
  let left = REPLICAS;
  const lane = async (): Promise<void> => {
    while (left-- > 0) made.push(...(await docker.pod()));
  };
  const all = await seconds(() => Promise.all(Array.from({ length: DOCKER_LANES }, lane)));
  const removal = await seconds(() => docker.remove(made));
  return { one: median(ones), all, removal };
}

/** What took how long on a pod's way to Ready, milliseconds from its creation on. */
function timeLine(name: string, begun: number, marks: readonly ContainerEvent[]): string {
  const told = marks.map(({ at, what }) => `${what} ${Math.round(at - begun)}`);
  return `${name}, ms: ${told.join(', ')}`;
}

async function onePod(client: Client, seen: PodsSeen, docker: RawDocker, name: string): Promise<number> {
  const pod = { metadata: { name, namespace: NAMESPACE, labels: { app: 'single' } }, spec: podSpec } as Pod;
  const reached = async (what: string, check: (p: Stored<Pod>) => boolean): Promise<ContainerEvent> => {
    await seen.until(`${name} ${what}`, (pods) => pods.some((p) => p.metadata.name === name && check(p)));
    return { at: Date.now(), what };
  };
  const begun = Date.now();
  let bound: ContainerEvent | undefined;
  let ready: ContainerEvent | undefined;
  const took = await seconds(async () => {
    await client.create(Pods, pod);
    bound = await reached('bound', (p) => p.spec?.nodeName !== undefined);
    ready = await reached('Ready', isReady);
  });
  const made = await docker.events(begun, Date.now());
  console.error(
    timeLine(
      name,
      begun,
      [bound, ...made, ready].filter((m) => m !== undefined),
    ),
  );
  await client.delete(Pods, name, NAMESPACE);
  await seen.until(`${name} gone`, (pods) => pods.length === 0);
  return took;
}

export const deployment = (name: string, replicas: number): Deployment =>
  ({
    metadata: { name, namespace: NAMESPACE },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: podSpec },
    },
  }) as Deployment;

/** Creates a Deployment and waits until all its pods are Ready. @returns seconds. */
export async function deploy(client: Client, name: string, replicas: number): Promise<number> {
  const seen = await PodsSeen.open(client);
  try {
    return await seconds(async () => {
      await client.create(Deployments, deployment(name, replicas));
      await seen.until(`${replicas} Ready`, (pods) => pods.filter(isReady).length === replicas);
    });
  } finally {
    seen.close();
  }
}

/** Deletes a Deployment and waits until no pod is left. @returns seconds. */
export async function undeploy(client: Client, name: string): Promise<number> {
  const seen = await PodsSeen.open(client);
  try {
    return await seconds(async () => {
      await client.delete(Deployments, name, NAMESPACE, { propagationPolicy: 'Background' });
      await seen.until('all gone', (pods) => pods.length === 0);
    });
  } finally {
    seen.close();
  }
}

/** Real containers: one pod, a Deployment of thirty, and its end. */
export async function pods(cluster: Cluster, client: Client, sink: Sink): Promise<void> {
  const docker = new RawDocker(cluster.nodes[0]?.dockerHost ?? '');
  const bound = await bounds(docker);
  const seen = await PodsSeen.open(client);
  const singles: number[] = [];
  await waitFor('the default service account', () =>
    client.raw('GET', `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/default`),
  );
  for (let i = 0; i < SINGLES; i++) singles.push(await onePod(client, seen, docker, `single-${i}`));
  seen.close();
  const all = singles.map((s) => s.toFixed(2)).join(', ');
  sink(row('pod-ready', median(singles), { bound: bound.one, note: all }));
  sink(row('deployment-ready', await deploy(client, 'thirty', REPLICAS), { bound: bound.all }));
  sink(row('deployment-gone', await undeploy(client, 'thirty'), { bound: bound.removal, note: 'grace 1 s' }));
}
