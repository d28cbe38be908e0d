import { join } from 'node:path';
import type { Pod } from '#api/kinds/index.ts';
import type { Cluster } from '../../bed/cluster.ts';
import { repository } from '../../bed/layout.ts';
import { probe } from '../../bed/net.ts';
import { publish } from '../../bed/registry.ts';
import { waitFor } from '../../bed/wait.ts';

type Json = Record<string, unknown>;

export const BUSYBOX = { image: 'coxswain/busybox:1', imagePullPolicy: 'Never' };

/** A container that runs a shell script. */
export const shell = (script: string, more: Json = {}): Json => ({
  name: 'main',
  ...BUSYBOX,
  command: ['sh', '-c', script],
  ...more,
});

/** Runs for an hour, and ends at once when it is told to (see `listening`). */
export const sleeper = (more: Json = {}): Json => shell('trap "exit 0" TERM; sleep 3600 & wait', more);

/** A pod of one container, or of what `spec` says. */
export const pod = (name: string, main: Json, spec: Json = {}, metadata: Json = {}): Json => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, ...metadata },
  spec: { terminationGracePeriodSeconds: 1, containers: [main], ...spec },
});

export async function apply(cluster: Cluster, ...objects: readonly Json[]): Promise<void> {
  const list = { apiVersion: 'v1', kind: 'List', items: objects };
  await cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(list) });
}

export async function getPod(cluster: Cluster, name: string): Promise<Pod> {
  return JSON.parse(await cluster.get('pod', name, '-o', 'json')) as Pod;
}

/** Waits until a pod is as wanted. @returns it; the failure shows what it was like last. */
export async function podUntil(
  cluster: Cluster,
  name: string,
  wanted: (pod: Pod) => unknown,
  timeoutMs = 120_000,
): Promise<Pod> {
  let last: Pod | undefined;
  try {
    await waitFor(
      `pod ${name} is as wanted`,
      async () => {
        last = await getPod(cluster, name);
        return Boolean(wanted(last));
      },
      { timeoutMs, everyMs: 200 },
    );
  } catch (e) {
    throw new Error(`${(e as Error).message}\n${JSON.stringify(last?.status, null, 1)}`, { cause: e });
  }
  return last as Pod;
}

/** The node of a bed with one, its Docker and its pods. */
export function onlyNode(cluster: () => Cluster) {
  const node = (): Cluster['nodes'][number] => {
    const [only] = cluster().nodes;
    if (!only) throw new Error('the bed has no node');
    return only;
  };
  const docker = async (...args: string[]): Promise<string> =>
    (await node().exec('docker', ['-H', node().dockerHost, ...args])).stdout;
  /** IDs of all containers of a pod but its sandbox, those that ended too. */
  const containersOf = async (name: string): Promise<string[]> => {
    const filter = ['--filter', `label=io.coxswain.pod.name=${name}`, '--filter', 'label=io.coxswain.type=container'];
    return (await docker('ps', '-aq', ...filter)).split('\n').filter(Boolean);
  };
  const until = (name: string, wanted: (p: Pod) => unknown, timeoutMs?: number): Promise<Pod> =>
    podUntil(cluster(), name, wanted, timeoutMs);
  return { node, docker, containersOf, until };
}

export const conditionOf = (p: Pod, type: string) => p.status?.conditions?.find((c) => c.type === type);
export const isReady = (p: Pod): boolean => conditionOf(p, 'Ready')?.status === 'True';
export const mainOf = (p: Pod) => p.status?.containerStatuses?.[0];

/** Seconds from the start of a pod's only container to its being Ready; both times are whole ones. */
export const readyAfter = (p: Pod): number =>
  (Date.parse(conditionOf(p, 'Ready')?.lastTransitionTime ?? '') -
    Date.parse(mainOf(p)?.state?.running?.startedAt ?? '')) /
  1000;

export const exec = (cluster: Cluster, name: string, script: string) =>
  cluster.kubectlOk(['exec', name, '--', 'sh', '-c', script]);

/** Whether process 1 of the container handles SIGTERM by now; before that it hears nothing of it. */
const HEARS = '[ $((0x$(sed -n "s/^SigCgt:[^0-9a-f]*//p" /proc/1/status) & 0x4000)) != 0 ]';

/**
 * Waits until a shell has come to its `trap`: a container is Ready, without a probe, before it has done anything. An agent
 * that was just started serves, too, before it knows its containers.
 */
export const listening = (cluster: Cluster, name: string): Promise<true> =>
  waitFor(`${name} listens`, async () => {
    await exec(cluster, name, `until ${HEARS}; do sleep 0.1; done`);
    return true;
  });

/** Ends the only container of a pod from within. */
export async function endContainer(cluster: Cluster, name: string): Promise<void> {
  await listening(cluster, name);
  // The command ends with the container, sometimes before it can say that all went well.
  await cluster.kubectl(['exec', name, '--', 'kill', '-TERM', '1']);
}

/** Messages of a pod's events with this reason. */
export async function eventsOf(cluster: Cluster, name: string, reason: string): Promise<string[]> {
  const selector = `involvedObject.name=${name},reason=${reason}`;
  const text = await cluster.get('events', '--field-selector', selector, '-o', 'json');
  return (JSON.parse(text) as { items: { message: string }[] }).items.map((e) => e.message);
}

/** Waits for an event of a pod: it is written apart from the status, often later. @returns messages with this reason */
export const eventSaid = (cluster: Cluster, name: string, reason: string, message = /^/): Promise<string[]> =>
  waitFor(`event ${reason} of ${name}`, async () => {
    const found = await eventsOf(cluster, name, reason);
    return found.some((m) => message.test(m)) ? found : undefined;
  });

/** Puts an image of this node into the registry of `startTarget`. @returns the name to pull it by */
export async function publishImage(cluster: Cluster, image: string): Promise<string> {
  const [node] = cluster.nodes;
  if (!node) throw new Error('no node');
  await publish(node.dockerHost, image, join(node.dir, 'registry'));
  return `127.0.0.1:${PORTS.http}/tiny:1`;
}

/** Ports of the servers that `startTarget` starts on a node, in its network namespace. */
export const PORTS = { http: 18080, grpc: 18081, silent: 18082, closed: 18083, secure: 18084 } as const;

/** Who may pull from the registry at PORTS.secure. */
export const REGISTRY_USER = { username: 'puller', password: 'secret' } as const;

/** Starts the servers of target.ts on the first node. @returns the file that holds the paths asked for. */
export async function startTarget(cluster: Cluster): Promise<string> {
  const [node] = cluster.nodes;
  if (!node) throw new Error('no node');
  const requests = join(node.dir, 'requests.log');
  const target = node.process({
    name: 'target',
    command: join(repository, 'node_modules/.bin/node'),
    args: [
      join(import.meta.dirname, 'target.ts'),
      requests,
      join(node.dir, 'registry'),
      ...[PORTS.http, PORTS.grpc, PORTS.silent, PORTS.secure].map(String),
    ],
    logFile: join(node.dir, 'target.log'),
    ready: () =>
      waitFor('the target answers', () => probe(`http://${node.address}:${PORTS.http}/ok`).then(() => true)).then(
        () => undefined,
      ),
  });
  await target.start();
  return requests;
}
