import { expect, test, vi } from 'vitest';
import type { Container, Pod, PodStatus } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { FakeClock } from '#async/fake-clock.ts';
import type { Informer } from '#client/types.ts';
import { silentLogger } from '#process/logger.ts';
import { ImageError } from '../images/images.ts';
import type { ContainerRecord, Runtime } from '../runtime/types.ts';
import { RuntimeView } from '../runtime/view.ts';
import { specHash } from './container-config.ts';
import { PodManager, type PodManagerDeps } from './pod-manager.ts';

const nothing = (): void => {};
const later = async (): Promise<void> => {};

/** A node with what an agent before this one left on it. */
async function bench(left: {
  pods?: Stored<Pod>[];
  records?: Partial<ContainerRecord>[];
  folders?: string[];
  userNamespaces?: boolean;
}) {
  const clock = new FakeClock();
  const removed: string[] = [];
  const stopped: string[] = [];
  const events: string[] = [];
  /** What was told of pods, by uid. */
  const told = new Map<string, PodStatus>();
  /** How often there was news of a pod. */
  let tellings = 0;
  /** The phases that were told when somebody asked whether the API had heard of them. */
  const heard: (string | undefined)[] = [];
  /** Sandboxes that were asked for; none is made. */
  const sandboxes: string[] = [];
  /** Images that containers were to be made of; none can be pulled. */
  const images: (string | undefined)[] = [];
  const volumes = { tries: 0 };
  const network: { ready: Promise<void>; addresses(): Promise<string[]> } = {
    ready: Promise.resolve(),
    addresses: async () => ['10.0.0.1'],
  };
  const refuse = new Set<string>();
  /** Called while pods are adopted. */
  const during = { run: nothing };
  const runtime = {
    list: async () => left.records ?? [],
    remove: async (id: string) => {
      if (refuse.has(id)) throw new Error('busy');
      removed.push(id);
    },
    stop: async (id: string) => void stopped.push(id),
    createSandbox: async ({ podUid }: { podUid: string }) => {
      sandboxes.push(podUid);
      throw new Error('no more');
    },
  } as unknown as Runtime;
  const view = new RuntimeView({ runtime, clock, logger: silentLogger, changed: nothing });
  const api = new Map((left.pods ?? []).map((p) => [p.metadata.name, p]));
  const lister = { get: (name: string) => api.get(name), list: () => api.values(), byIndex: () => [] };
  const deps = {
    ...{ clock, logger: silentLogger, runtime, view, pods: lister, hostIps: [], node: () => undefined },
    volumes: {
      podUids: async () => {
        during.run();
        return left.folders ?? [];
      },
      podDir: (uid: string) => `/nowhere/${uid}`,
      release: async () => {},
      prepare: async () => {
        volumes.tries++;
        throw new Error('the API is away');
      },
      // Long ago.
      refreshAt: () => 0,
      cleanUp: async (uid: string) => {
        if (refuse.has(uid)) throw new Error('busy');
        removed.push(`folder ${uid}`);
      },
    },
    ...{
      refusal: nothing,
      pressures: () => new Set(),
      unsafeSysctls: [],
      appArmor: false,
      dns: {},
      devices: { admit: async () => {} },
    },
    networks: { ...{ collect: later, release: later, detach: later, check: later, attach: later }, first: false },
    networkReady: () => network.ready,
    addressesOf: () => network.addresses(),
    attached: later,
    leaving: async (ips: readonly string[]) => void removed.push(`flows of ${ips}`),
    cgroups: {
      podUids: async () => new Set(['c']),
      ensure: later,
      pathOf: () => '',
      remove: async (uid: string) => void removed.push(`cgroup ${uid}`),
    },
    prober: {
      forget: nothing,
      ending: nothing,
      watch: nothing,
      unhealthy: nothing,
      ready: () => true,
      started: () => true,
    },
    publisher: {
      ...{ newest: (p: Stored<Pod>) => told.get(p.metadata.uid) ?? p.status ?? {}, seen: nothing, forget: nothing },
      publish: (p: Stored<Pod>, status: PodStatus) => {
        if (!sameJson(told.get(p.metadata.uid), status)) tellings++;
        told.set(p.metadata.uid, status);
      },
      written: (uid: string) => {
        heard.push(told.get(uid)?.phase);
        return new Promise(nothing);
      },
    },
    images: {
      idOf: () => '',
      present: async (_pod: Pod, c: Container) => {
        images.push(c.image);
        throw new ImageError('ImagePullBackOff', 'no', 300_000);
      },
    },
    events: {
      event: (_about: object, _type: string, reason: string, message: string) => events.push(`${reason}: ${message}`),
    },
    client: { delete: async () => void removed.push('object') },
    userNamespaces: left.userNamespaces ?? false,
    admitted: { note: nothing, admit: nothing },
    mirrors: { set: nothing, seen: nothing },
  } as unknown as PodManagerDeps;
  const handlers: { onUpdate?: (old: Stored<Pod>, p: Stored<Pod>) => void; onDelete?: (p: Stored<Pod>) => void } = {};
  const addHandlers = (h: object): void => void Object.assign(handlers, h);
  const manager = new PodManager(deps, { lister, addHandlers } as unknown as Informer<Pod>);
  await view.load();
  const gone = (p: Stored<Pod>): void => {
    api.delete(p.metadata.name);
    handlers.onDelete?.(p);
  };
  const changed = (p: Stored<Pod>): void => handlers.onUpdate?.(p, p);
  const seen = { removed, stopped, events, told, heard, sandboxes, images };
  const does = { gone, changed, tellings: () => tellings };
  return { manager, view, clock, refuse, api, during, volumes, network, ...does, ...seen };
}

const podOf = (name: string, more: object = {}): Stored<Pod> =>
  ({
    metadata: { name, namespace: 'ns', uid: name, resourceVersion: '1' },
    spec: { containers: [{ name: 'main' }] },
    ...more,
  }) as unknown as Stored<Pod>;

const trace = (podUid: string, name: string, state: string): Partial<ContainerRecord> => ({
  ...{ id: `${name || 'sandbox'} of ${podUid}`, podUid, namespace: 'ns', pod: podUid, name, attempt: 0 },
  ...{ sandboxId: name ? `sandbox of ${podUid}` : '', hash: specHash({ name: 'main' }), state: state as 'running' },
  ...{ exitCode: 0, startedAt: 1, finishedAt: 2, createdAt: 1 },
});

/** Some of it reads files, which takes as long as it takes. */
const eventually = (check: () => void | Promise<void>): Promise<void> => vi.waitFor(check, { timeout: 30_000 });

test('what is left of pods that are gone is removed, and tried again when that fails', async () => {
  const { manager, clock, removed, refuse } = await bench({ folders: ['a', 'b'] });
  refuse.add('a');
  await manager.start();
  await clock.advance(0);
  await eventually(() => {
    expect([...removed].sort()).toEqual(['cgroup b', 'cgroup c', 'folder b', 'folder c']);
    expect(manager.size).toBe(1);
  });
  refuse.clear();
  await eventually(async () => {
    // Its next try may be planned only now.
    await clock.advance(5_000);
    expect(removed.slice(4)).toEqual(['folder a', 'cgroup a']);
    expect(manager.size).toBe(0);
  });
});

test.each([
  ['its own network', false, ['flows of 10.0.0.1', 'sandbox of p']],
  ["the node's network", true, ['sandbox of p']],
])('the connections to a pod in %s: forgotten before its sandbox goes, if they are its alone', async (...row) => {
  const [, hostNetwork, order] = row;
  const pod = podOf('p', { spec: { containers: [{ name: 'main' }], hostNetwork } });
  pod.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
  const { manager, clock, removed } = await bench({
    pods: [pod],
    records: [trace('p', '', 'running'), trace('p', 'main', 'exited')],
  });
  await manager.start();
  await clock.advance(0);
  await eventually(() =>
    expect(removed.filter((r) => r.startsWith('flows') || r.startsWith('sandbox'))).toEqual(order),
  );
});

test('a pod that leaves the API while the agent starts is not forgotten', async () => {
  const pod = (name: string): Stored<Pod> => podOf(name, { status: { phase: 'Succeeded' } });
  const ended = (podUid: string): Partial<ContainerRecord> => trace(podUid, 'main', 'exited');
  const { manager, clock, removed, api, during } = await bench({
    pods: [pod('stays'), pod('goes')],
    records: [ended('stays'), ended('goes')],
  });
  during.run = () => void api.delete('goes');
  await manager.start();
  await clock.advance(0);
  await eventually(() => {
    expect(removed).toContain('main of goes');
    expect(removed).toContain('folder goes');
    expect(manager.size).toBe(1);
  });
  expect(removed).not.toContain('main of stays');
});

test('a static pod whose manifest came back while it was ending runs again', async () => {
  const pod = podOf('web', {
    metadata: { ...podOf('web').metadata, annotations: { 'kubernetes.io/config.source': 'file' } },
  });
  const { manager, clock, removed, sandboxes } = await bench({ records: [trace('web', 'main', 'exited')] });
  await manager.start([pod]);
  manager.setStatic([]);
  manager.setStatic([pod]);
  await clock.advance(0);
  await eventually(() => {
    expect(removed).toContain('folder web');
    expect(sandboxes).toEqual(['web']);
  });
});

test('an image that cannot be pulled is waited for, another one is not', async () => {
  const of = (image: string): Stored<Pod> => podOf('p', { spec: { containers: [{ name: 'main', image }] } });
  const records = [trace('p', '', 'running')];
  const { manager, told, images, changed } = await bench({ pods: [of('wrong:1')], records });
  const waiting = () => told.get('p')?.containerStatuses?.[0]?.state?.waiting?.reason;
  await manager.start();
  await eventually(() => expect(waiting()).toBe('ImagePullBackOff'));
  changed(of('wrong:1'));
  changed(of('right:1'));
  await eventually(() => expect(images).toEqual(['wrong:1', 'right:1']));
});

test('volumes that cannot be refreshed are tried again after a pause', async () => {
  const { manager, clock, volumes } = await bench({
    pods: [podOf('p')],
    records: [trace('p', '', 'running'), trace('p', 'main', 'running')],
  });
  await manager.start();
  await eventually(() => expect(volumes.tries).toBeGreaterThan(0));
  await clock.advance(9_000);
  expect(volumes.tries).toBe(1);
  await eventually(async () => {
    await clock.advance(1_000);
    expect(volumes.tries).toBe(2);
  });
});

test('a pod that is gone is taken away though its network is broken', async () => {
  const { manager, clock, removed, network } = await bench({ records: [trace('o', '', 'running')] });
  network.addresses = () => Promise.reject(new Error('no network'));
  await manager.start();
  await eventually(async () => {
    await clock.advance(5_000);
    expect(removed).toContain('sandbox of o');
    expect(removed).toContain('folder o');
  });
});

test('a pod that waits for its network can be deleted', async () => {
  const pod = podOf('p');
  const { manager, clock, removed, network, sandboxes, gone } = await bench({ pods: [pod] });
  network.ready = new Promise(nothing);
  await manager.start();
  await clock.advance(1_000);
  gone(pod);
  await eventually(async () => {
    await clock.advance(5_000);
    expect(removed).toContain('folder p');
  });
  expect(sandboxes).toEqual([]);
});

test('nobody waits longer than granted for the API to hear of a pod that ended', async () => {
  const pod = podOf('p', { status: { phase: 'Succeeded' } });
  const { manager } = await bench({ pods: [pod], records: [trace('p', 'main', 'exited')] });
  await manager.start();
  const off = new AbortController();
  const ended = manager.ended('p', off.signal);
  off.abort(new Error('too late'));
  await expect(ended).rejects.toThrow('too late');
});

test('a pod its node ends is Failed when its containers are down, and only then nobody waits for it', async () => {
  const pod = podOf('p', { status: { phase: 'Running' } });
  const records = [trace('p', '', 'running'), trace('p', 'main', 'running')];
  const { manager, view, clock, stopped, told, heard } = await bench({ pods: [pod], records });
  await manager.start();
  manager.evict('p', { reason: 'Evicted', message: 'm', graceSeconds: 5, disruption: true });
  await eventually(() => expect(stopped).toEqual(['main of p']));
  expect(told.get('p')).toMatchObject({ phase: 'Running', reason: 'Evicted' });
  expect(manager.ending('p')).toBe(true);
  Object.assign(view.byId('main of p') ?? {}, { state: 'exited', exitCode: 143, finishedAt: 3 });
  const off = new AbortController();
  const ended = manager.ended('p', off.signal);
  await clock.advance(1_000);
  manager.wake('p');
  await eventually(() => expect(told.get('p')).toMatchObject({ phase: 'Failed', reason: 'Evicted' }));
  await eventually(async () => {
    await clock.advance(200);
    expect(heard).toEqual(['Failed']);
  });
  off.abort(new Error('seen'));
  await expect(ended).rejects.toThrow('seen');
});

test('a sidecar of a pod its node ends waits for the others, but no longer than the grace', async () => {
  const initContainers = [{ name: 'side', restartPolicy: 'Always' }];
  const pod = podOf('p', { spec: { initContainers, containers: [{ name: 'main' }] }, status: { phase: 'Running' } });
  const records = ['', 'side', 'main'].map((name) => trace('p', name, 'running'));
  const { manager, clock, stopped, events } = await bench({ pods: [pod], records });
  await manager.start();
  manager.evict('p', { reason: 'Evicted', message: 'm', graceSeconds: 5, disruption: true });
  await eventually(() => expect(stopped).toEqual(['main of p']));
  expect(events).toContain('Killing: Stopping container side');
  await clock.advance(4_900);
  manager.wake('p');
  await clock.advance(50);
  expect(stopped).toEqual(['main of p']);
  await clock.advance(50);
  await eventually(() => expect(stopped).toEqual(['main of p', 'side of p']));
  expect(events.filter((e) => e === 'Killing: Stopping container side')).toHaveLength(1);
});

test('containers of pods that have ended go when their disk is needed, once the API knows how they ended', async () => {
  const end = { terminated: { exitCode: 0, containerID: 'docker://main of done' } };
  const names = ['done', 'stuck', 'running', 'untold'];
  const [done, stuck, ...others] = names.map((name) => podOf(name));
  const ended = { phase: 'Succeeded', containerStatuses: [{ name: 'main', restartCount: 0, state: end }] };
  const pods = [{ ...done, status: ended }, { ...stuck, status: { phase: 'Failed' } }, ...others] as Stored<Pod>[];
  const records = names.map((name) => trace(name, 'main', name === 'running' ? 'running' : 'exited'));
  records.push(trace('running', '', 'running'));
  const { manager, removed, refuse, told } = await bench({ pods, records });
  refuse.add('main of stuck');
  await manager.start();
  manager.evict('untold', { reason: 'Evicted', message: 'm', graceSeconds: 5, disruption: true });
  await eventually(() => {
    expect(told.get('untold')).toMatchObject({ phase: 'Failed' });
    expect(names.map((n) => manager.cleaned(n))).toEqual([true, true, false, false]);
  });
  removed.length = 0;
  expect(await manager.removeSpent()).toBe(true);
  expect(removed).toEqual(['main of done']);
  expect(await manager.removeSpent()).toBe(false);
  told.clear();
  manager.wake('done');
  await eventually(() =>
    expect(told.get('done')).toMatchObject({ phase: 'Succeeded', containerStatuses: [{ state: end }] }),
  );
});

test('an agent that is started anew goes on to end what the one before it had begun to end', async () => {
  const conditions = [{ type: 'DisruptionTarget', status: 'True', reason: 'TerminationByKubelet' }];
  const pod = podOf('p', { status: { phase: 'Running', reason: 'Evicted', message: 'm', conditions } });
  const records = [trace('p', '', 'running'), trace('p', 'main', 'running')];
  const { manager, stopped } = await bench({ pods: [pod], records });
  await manager.start();
  await eventually(() => expect(stopped).toEqual(['main of p']));
});

test.each([true, false])('users of its own are had on a node that has them: %s', async (userNamespaces) => {
  const pod = podOf('p', { spec: { hostUsers: false, hostNetwork: true, containers: [{ name: 'main' }] } });
  const { manager, sandboxes, events } = await bench({ pods: [pod], userNamespaces });
  await manager.start();
  const words = 'Failed to create pod sandbox: ';
  const why = userNamespaces
    ? 'no more'
    : "can't set `spec.hostUsers: false`, runtime does not support user namespaces";
  await eventually(() => expect(events).toContain(`FailedCreatePodSandBox: ${words}${why}`));
  expect(sandboxes).toEqual(userNamespaces ? ['p'] : []);
});

test.each([
  ['nobody is told that the sandbox of a pod is gone when the pod goes too', [], 1],
  ['whoever holds it back is', ['example.com/held'], 2],
])('%s', async (_, finalizers, times) => {
  const deletionTimestamp = '2026-01-01T00:00:00Z';
  const metadata = { ...podOf('p').metadata, deletionTimestamp, finalizers };
  const pod = podOf('p', { metadata, status: { phase: 'Running' } });
  const records = [trace('p', '', 'running'), trace('p', 'main', 'exited')];
  const { manager, removed, told, tellings } = await bench({ pods: [pod], records });
  await manager.start();
  await eventually(() => expect(removed).toContain('cgroup p'));
  expect(removed).toContain('sandbox of p');
  expect(told.get('p')?.phase).toBe('Succeeded');
  expect(tellings()).toBe(times);
});
