import { expect, test, vi } from 'vitest';
import { FakeClock } from '#async/fake-clock.ts';
import { silentLogger } from '#process/logger.ts';
import type { ContainerRecord, Runtime, RuntimeEvent } from './types.ts';
import { RuntimeView } from './view.ts';

const record = (more: Partial<ContainerRecord> = {}): ContainerRecord => ({
  ...{
    id: 'c',
    podUid: 'u',
    namespace: 'ns',
    pod: 'p',
    name: 'main',
    attempt: 0,
    hash: '',
    sandboxId: 's',
    image: 'i',
  },
  ...{ state: 'running', exitCode: 0, oomKilled: false, createdAt: 0, startedAt: 0, finishedAt: 0 },
  ...more,
});

/** A runtime that tells what happens to those who listen, and remembers nothing of it. */
function forgetful(containers: Map<string, ContainerRecord>) {
  const waiting: RuntimeEvent[] = [];
  let listening = false;
  let wake = (): void => {};
  /** Called when a list has been read, before it is handed over. */
  const during = { list: (): void => {} };
  const happens = (type: RuntimeEvent['type'], more: Partial<ContainerRecord> & { id: string }): void => {
    const r = { ...record(), ...containers.get(more.id), ...more };
    if (type === 'destroy') containers.delete(r.id);
    else containers.set(r.id, r);
    if (listening) waiting.push({ type, record: { ...r } });
    wake();
  };
  async function* events(signal: AbortSignal): AsyncIterable<RuntimeEvent> {
    signal.addEventListener('abort', () => wake());
    while (!signal.aborted) {
      yield* waiting.splice(0);
      if (waiting.length === 0 && !signal.aborted)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
    listening = false;
  }
  const runtime = {
    list: async () => {
      const all = [...containers.values()].map((r) => ({ ...r }));
      during.list();
      return all;
    },
    events: async (_since: number, signal: AbortSignal) => {
      listening = true;
      return events(signal);
    },
  } as unknown as Runtime;
  return { runtime, happens, during };
}

const seen = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 30_000 });

test('what happens before the stream of events is there, or while the list is read, is not missed', async () => {
  const ids = ['early', 'died', 'gone', 'began', 'late'];
  const { runtime, happens, during } = forgetful(new Map(ids.map((id) => [id, record({ id, podUid: id })])));
  happens('create', { id: 'began', state: 'created' });
  const changed = new Set<string>();
  const view = new RuntimeView({
    ...{ runtime, clock: new FakeClock(), logger: silentLogger },
    changed: (uid) => changed.add(uid),
  });
  await view.load();
  changed.clear();
  // Adopting a node full of pods takes its time, and probes of others fill what Docker remembers.
  happens('die', { id: 'early', state: 'exited', exitCode: 3 });
  during.list = () => {
    happens('die', { id: 'died', state: 'exited', exitCode: 4 });
    happens('destroy', { id: 'gone' });
    happens('start', { id: 'began', state: 'running' });
    during.list = () => {};
  };
  const off = new AbortController();
  const running = view.run(off.signal);
  await seen(() => expect([...changed].sort()).toEqual(['began', 'died', 'early', 'gone']));
  happens('die', { id: 'late', state: 'exited', exitCode: 5 });
  await seen(() => expect(view.byId('late')).toMatchObject({ state: 'exited', exitCode: 5 }));
  expect(view.byId('early')).toMatchObject({ state: 'exited', exitCode: 3 });
  expect(view.byId('died')).toMatchObject({ state: 'exited', exitCode: 4 });
  expect(view.byId('began')).toMatchObject({ state: 'running' });
  expect(view.byId('gone')).toBeUndefined();
  off.abort();
  await running;
});

test('a container whose end was overtaken by its list is not brought back', async () => {
  const { runtime, happens, during } = forgetful(new Map([['c', record()]]));
  const view = new RuntimeView({ runtime, clock: new FakeClock(), logger: silentLogger, changed: () => {} });
  await view.load();
  during.list = () => {
    // Its own removal, of which the list does not know yet.
    view.drop('c');
    happens('destroy', { id: 'c' });
  };
  await view.load();
  expect(view.podUids()).toEqual([]);
});

test('a stream that breaks is taken up again, with a new list', async () => {
  const clock = new FakeClock();
  const { runtime, happens } = forgetful(new Map([['c', record()]]));
  const { events } = runtime;
  let tries = 0;
  runtime.events = (since, signal) => {
    if (++tries > 1) return events(since, signal);
    happens('die', { id: 'c', state: 'exited', exitCode: 6 });
    return Promise.reject(new Error('Docker is away'));
  };
  const view = new RuntimeView({ runtime, clock, logger: silentLogger, changed: () => {} });
  await view.load();
  const off = new AbortController();
  const running = view.run(off.signal);
  await vi.waitFor(
    async () => {
      await clock.advance(1_000);
      expect(view.byId('c')).toMatchObject({ state: 'exited', exitCode: 6 });
    },
    { timeout: 30_000 },
  );
  off.abort();
  await running;
});

test('an own start counts before its event, and an event that comes late does not bring back what ended', async () => {
  const clock = new FakeClock();
  const runtime = { list: async () => [record({ state: 'running', startedAt: 5 })] } as unknown as Runtime;
  const view = new RuntimeView({ runtime, clock, logger: silentLogger, changed: () => {} });
  view.note(record({ state: 'created' }));
  view.started('c', 7);
  expect(view.byId('c')).toMatchObject({ state: 'running', startedAt: 7 });
  view.failed('c', 9, { exitCode: 127, message: 'no such file' });
  view.started('c', 10);
  await view.load();
  expect(view.byId('c')).toMatchObject({ state: 'exited', exitCode: 127, finishedAt: 9 });
});
