import { expect, test } from 'vitest';
import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { FakeClock } from '#async/fake-clock.ts';
import { silentLogger } from '#process/logger.ts';
import { groupsOf, NodeShutdown, stagesByPriority, stagesOf } from './shutdown.ts';

const pod = (uid: string, priority?: number): Stored<Pod> =>
  ({ metadata: { uid, name: uid }, spec: { priority } }) as unknown as Stored<Pod>;
const shown = (...args: Parameters<typeof groupsOf>) =>
  groupsOf(...args).map((g) => `${g.graceSeconds}: ${g.pods.map((p) => p.metadata.uid)}`);

test('ordinary pods first, then critical ones', () => {
  const stages = stagesOf(30_000, 10_000);
  expect(shown(stages, [pod('critical', 2_000_001_000), pod('a'), pod('b', 5)])).toEqual(['20: a,b', '10: critical']);
  expect(stagesOf(0, 0)).toEqual([]);
  expect(() => stagesOf(5000, 6000)).toThrow(RangeError);
});

test('by priority: each pod in the last stage it reaches, none in a stage nobody needs', () => {
  const stages = stagesByPriority({ 100000: 10_000, 10000: 180_000, 1000: 120_000, 0: 60_000 });
  const pods = [pod('top', 100_000), pod('mid', 99_999), pod('none'), pod('negative', -5)];
  expect(shown(stages, pods)).toEqual(['60: none,negative', '180: mid', '10: top']);
});

test('a stage waits for its pods, but not longer than it may; meanwhile the node takes nothing', async () => {
  const clock = new FakeClock();
  const log: string[] = [];
  const running = new Map<string, () => void>();
  const shutdown = new NodeShutdown({
    stages: stagesOf(15_000, 5_000),
    pods: () => [pod('a'), pod('stubborn'), pod('critical', 2_000_000_000)],
    end: (uid, f) => log.push(`${uid} ${f.reason} ${f.graceSeconds}`),
    ended: (uid, signal) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      running.set(uid, resolve);
      signal.addEventListener('abort', () => reject(signal.reason));
      return promise;
    },
    report: async () => void log.push(`reported, ${shutdown.begun}`),
    clock,
    logger: silentLogger,
  });
  expect(shutdown.begun).toBe(false);
  const done = shutdown.run();
  await clock.advance(1000);
  expect(log).toEqual(['reported, true', 'a Terminated 10', 'stubborn Terminated 10']);
  running.get('a')?.();
  await clock.advance(11_000);
  expect(log).toHaveLength(3);
  await clock.advance(1_000);
  expect(log.at(-1)).toBe('critical Terminated 5');
  running.get('critical')?.();
  await done;
});
