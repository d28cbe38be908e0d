import { expect, test } from 'vitest';
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

test('what happened between the list and the stream of events is not missed, however long that was', async () => {
  const clock = new FakeClock();
  const off = new AbortController();
  const begun = clock.now();
  const events: (RuntimeEvent & { at: number })[] = [];
  const runtime = {
    list: async () => [record()],
    async *events(sinceMs: number): AsyncIterable<RuntimeEvent> {
      for (const e of events) if (e.at >= sinceMs) yield e;
      off.abort();
    },
  } as unknown as Runtime;
  const changed: string[] = [];
  const view = new RuntimeView({ runtime, clock, logger: silentLogger, changed: (uid) => changed.push(uid) });
  await view.load();
  expect(view.byId('c')?.state).toBe('running');
  events.push({ type: 'die', record: record({ exitCode: 3, finishedAt: begun + 1 }), at: begun + 1 });
  // Adopting a node full of pods takes its time.
  clock.jump(30_000);
  changed.length = 0;
  await view.run(off.signal);
  expect(view.byId('c')).toMatchObject({ state: 'exited', exitCode: 3 });
  expect(changed).toEqual(['u']);
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
