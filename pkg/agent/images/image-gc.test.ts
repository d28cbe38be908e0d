import { expect, test } from 'vitest';
import { FakeClock } from '#async/fake-clock.ts';
import { silentLogger } from '#process/logger.ts';
import type { ImageInfo, Runtime } from '../runtime/types.ts';
import { ImageGc, removable } from './image-gc.ts';

const image = (id: string, ...names: string[]): ImageInfo => ({ id, names, sizeBytes: 1 });

test('pulled images that no pod names, those unused longest first', () => {
  const images = [
    image('new', 'a/new:1', 'a/new@sha256:1'),
    image('old', 'a/old:1', 'a/old@sha256:2'),
    image('used', 'a/used:1', 'a/used@sha256:3'),
    image('by-digest', 'a/digest@sha256:4'),
    image('loaded', 'coxswain/pause:1'),
    image('also-loaded', 'a/tiny:1', 'a/tiny@sha256:5', 'coxswain/hello:1'),
    image('port', '127.0.0.1:5000/x', '127.0.0.1:5000/x@sha256:6'),
    image('nameless'),
  ];
  const idle = new Map([
    ['new', 200],
    ['old', 100],
    ['port', 300],
  ]);
  const found = removable(images, new Set(['a/used:1', 'a/digest@sha256:4']), idle);
  expect(found.map((i) => i.id)).toEqual(['old', 'new', 'port']);
});

/** On a disk that is full, or as full as is said. */
const gcOf = (runtime: Runtime, clock: FakeClock, used: () => number = () => 100): ImageGc =>
  new ImageGc({
    ...{ runtime, clock, logger: silentLogger, pauseImage: 'pause:1' },
    ...{ highPercent: 85, lowPercent: 80, minAgeMs: 400_000 },
    pods: { get: () => undefined, list: () => [], byIndex: () => [] },
    disk: async () => ({ device: 1, capacity: 100, available: 100 - used(), inodes: 0, inodesFree: 0 }),
  });

test('an image goes only when it was unused for as long as it is granted', async () => {
  const clock = new FakeClock();
  const removed: string[] = [];
  const runtime = {
    images: async () => [image('old', 'a/old:1', 'a/old@sha256:2')],
    removeImage: async (name: string) => removed.push(name) > 0,
  } as unknown as Runtime;
  const off = new AbortController();
  const running = gcOf(runtime, clock).run(off.signal);
  await clock.advance(399_000);
  expect(removed).toEqual([]);
  await clock.advance(300_000);
  expect(removed).toContain('a/old:1');
  off.abort();
  await running;
});

test('from the high threshold on they go until the disk is below the low one', async () => {
  const clock = new FakeClock();
  let used = 84;
  const removed: string[] = [];
  const runtime = {
    images: async () => ['a', 'b', 'c'].filter((n) => !removed.includes(n)).map((n) => image(n, `r/${n}@sha256:${n}`)),
    removeImage: async (name: string) => {
      used -= 3;
      return removed.push(name.slice(-1)) > 0;
    },
  } as unknown as Runtime;
  const off = new AbortController();
  const running = gcOf(runtime, clock, () => used).run(off.signal);
  await clock.advance(900_000);
  expect(removed).toEqual([]);
  used = 85;
  await clock.advance(900_000);
  // 85 → 82 → 79
  expect(removed).toEqual(['a', 'b']);
  off.abort();
  await running;
});

test('how long it is unused counts from when there was still room, and those unused longest go first', async () => {
  const clock = new FakeClock();
  let used = 0;
  const there = ['old'];
  const removed: string[] = [];
  const runtime = {
    images: async () => there.map((n) => image(n, `r/${n}@sha256:1`)),
    removeImage: async (name: string) => {
      used = 0;
      return removed.push(name) > 0;
    },
  } as unknown as Runtime;
  const off = new AbortController();
  const running = gcOf(runtime, clock, () => used).run(off.signal);
  await clock.advance(200_000);
  there.unshift('new');
  await clock.advance(500_000);
  used = 90;
  await clock.advance(250_000);
  expect(removed).toEqual(['r/old@sha256:1']);
  off.abort();
  await running;
});

test('an image that Docker fails to remove does not keep the others', async () => {
  const removed: string[] = [];
  const runtime = {
    images: async () => [image('stuck', 'a/stuck:1', 'a/stuck@sha256:1'), image('old', 'a/old:1', 'a/old@sha256:2')],
    removeImage: async (name: string) => {
      if (name.startsWith('a/stuck')) throw new Error('device or resource busy');
      removed.push(name);
      return true;
    },
  } as unknown as Runtime;
  const gc = gcOf(runtime, new FakeClock());
  expect(await gc.reclaim()).toBe(true);
  expect(removed).toEqual(['a/old:1', 'a/old@sha256:2']);
});
