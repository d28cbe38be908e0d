import { expect, test, vi } from 'vitest';
import type { Pod, PodStatus } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { FakeClock } from '#async/fake-clock.ts';
import type { Informer } from '#client/types.ts';
import { silentLogger } from '#process/logger.ts';
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
    remove: async (id: string) => void removed.push(id),
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
    cgroups: {
      podUids: async () => new Set(['c']),
      ensure: later,
      pathOf: () => '',
      remove: async (uid: string) => void removed.push(`cgroup ${uid}`),
    },
    prober: { forget: nothing, watch: nothing, unhealthy: nothing, ready: () => true, started: () => true },
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
    images: { idOf: () => '' },
    events: {
      event: (_about: object, _type: string, reason: string, message: string) => events.push(`${reason}: ${message}`),
    },
    client: { delete: async () => void removed.push('object') },
    userNamespaces: left.userNamespaces ?? false,
    admitted: { note: nothing, admit: nothing },
    mirrors: { set: nothing, seen: nothing },
  } as unknown as PodManagerDeps;
  const handlers: { onDelete?: (p: Stored<Pod>) => void } = {};
  const addHandlers = (h: object): void => void Object.assign(handlers, h);
  const manager = new PodManager(deps, { lister, addHandlers } as unknown as Informer<Pod>);
  await view.load();
  const gone = (p: Stored<Pod>): void => {
    api.delete(p.metadata.name);
    handlers.onDelete?.(p);
  };
  const seen = { removed, stopped, events, told, heard, sandboxes };
  return { manager, view, clock, refuse, api, during, volumes, network, gone, tellings: () => tellings, ...seen };
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
