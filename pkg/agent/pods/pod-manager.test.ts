import { expect, test, vi } from 'vitest';
import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { FakeClock } from '#async/fake-clock.ts';
import type { Informer } from '#client/types.ts';
import { silentLogger } from '#process/logger.ts';
import type { ContainerRecord, Runtime } from '../runtime/types.ts';
import { RuntimeView } from '../runtime/view.ts';
import { PodManager, type PodManagerDeps } from './pod-manager.ts';

const nothing = (): void => {};

/** A node with what an agent before this one left on it. */
async function bench(left: { pods?: Stored<Pod>[]; records?: Partial<ContainerRecord>[]; folders?: string[] }) {
  const clock = new FakeClock();
  const removed: string[] = [];
  const refuse = new Set<string>();
  /** Called while pods are adopted. */
  const during = { run: nothing };
  const runtime = {
    list: async () => left.records ?? [],
    remove: async (id: string) => void removed.push(id),
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
      refreshAt: () => undefined,
      cleanUp: async (uid: string) => {
        if (refuse.has(uid)) throw new Error('busy');
        removed.push(`folder ${uid}`);
      },
    },
    networks: { collect: async () => {}, release: async () => {}, detach: async () => {} },
    cgroups: { podUids: async () => new Set(['c']), remove: async (uid: string) => void removed.push(`cgroup ${uid}`) },
    prober: { forget: nothing },
    publisher: { newest: (p: Stored<Pod>) => p.status, seen: nothing, forget: nothing, publish: nothing },
    images: { idOf: () => '' },
    events: { event: nothing },
    admitted: { note: nothing },
    mirrors: { set: nothing, seen: nothing },
  } as unknown as PodManagerDeps;
  const manager = new PodManager(deps, { lister, addHandlers: nothing } as unknown as Informer<Pod>);
  await view.load();
  return { manager, clock, removed, refuse, api, during };
}

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
  const pod = (name: string): Stored<Pod> =>
    ({
      metadata: { name, namespace: 'ns', uid: name, resourceVersion: '1' },
      spec: { containers: [{ name: 'main' }] },
      status: { phase: 'Succeeded' },
    }) as unknown as Stored<Pod>;
  const ended = (podUid: string): Partial<ContainerRecord> => ({
    ...{ id: `of ${podUid}`, podUid, namespace: 'ns', pod: podUid, name: 'main', attempt: 0, sandboxId: '' },
    ...{ state: 'exited', exitCode: 0, startedAt: 1, finishedAt: 2, createdAt: 1 },
  });
  const { manager, clock, removed, api, during } = await bench({
    pods: [pod('stays'), pod('goes')],
    records: [ended('stays'), ended('goes')],
  });
  during.run = () => void api.delete('goes');
  await manager.start();
  await clock.advance(0);
  await eventually(() => {
    expect(removed).toContain('of goes');
    expect(removed).toContain('folder goes');
    expect(manager.size).toBe(1);
  });
  expect(removed).not.toContain('of stays');
});
