import { expect, test } from 'vitest';
import type { Container, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { FakeClock } from '#async/fake-clock.ts';
import { createRateLimit } from '#async/rate-limit.ts';
import type { Runtime } from '../runtime/types.ts';
import { Images } from './images.ts';

const pod = (uid: string) => ({ metadata: { name: uid, namespace: 'ns', uid } }) as unknown as Stored<Pod>;
const container = (image: string) => ({ name: 'main', image }) as Container;

/** A registry whose pulls end when they are told to. */
function bench(parallelPulls = 3, perSecond = 0) {
  const clock = new FakeClock();
  const running = new Map<string, { end(): void; fail(message: string): void; off: AbortSignal }>();
  const events: string[] = [];
  const runtime = {
    images: async () => [],
    pull: (image: string, off: AbortSignal) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      running.set(image, { end: resolve, fail: (message) => reject(new Error(message)), off });
      off.addEventListener('abort', () => reject(off.reason), { once: true });
      return promise.finally(() => running.delete(image));
    },
  } as unknown as Runtime;
  const event = (_about: unknown, _type: string, reason: string): void => void events.push(reason);
  const credentials = async () => ({ credentials: [], missing: [] });
  const pullRate = createRateLimit({ clock, perSecond, burst: 1 });
  const of = { runtime, clock, credentials, parallelPulls, pullRate };
  const images = new Images({ ...of, events: { event, flush: async () => {} } });
  const pull = (uid: string, image: string, signal = new AbortController().signal) =>
    images.pull(pod(uid), container(image), signal);
  return { clock, images, running, events, pull };
}

test('three images are pulled at a time, the others wait for their turn', async () => {
  const { clock, running, pull } = bench();
  const all = [1, 2, 3, 4, 5].map((n) => pull(`p${n}`, `r/i${n}:1`));
  await clock.advance(0);
  expect([...running.keys()]).toEqual(['r/i1:1', 'r/i2:1', 'r/i3:1']);
  running.get('r/i2:1')?.end();
  await clock.advance(0);
  expect([...running.keys()]).toEqual(['r/i1:1', 'r/i3:1', 'r/i4:1']);
  for (let n = 0; n < 3; n++) {
    for (const r of running.values()) r.end();
    await clock.advance(0);
  }
  await Promise.all(all);
});

test('one at a time, in the order they were asked for, where that is wanted', async () => {
  const { clock, running, pull } = bench(1);
  const all = [1, 2].map((n) => pull(`p${n}`, `r/i${n}:1`));
  await clock.advance(0);
  expect([...running.keys()]).toEqual(['r/i1:1']);
  running.get('r/i1:1')?.end();
  await clock.advance(0);
  expect([...running.keys()]).toEqual(['r/i2:1']);
  running.get('r/i2:1')?.end();
  await Promise.all(all);
});

test('registries are asked no more often than they may be', async () => {
  const { clock, running, pull } = bench(3, 1);
  const all = [1, 2].map((n) => pull(`p${n}`, `r/i${n}:1`));
  await clock.advance(0);
  expect([...running.keys()]).toEqual(['r/i1:1']);
  await clock.advance(1_000);
  expect([...running.keys()]).toEqual(['r/i1:1', 'r/i2:1']);
  for (const r of running.values()) r.end();
  await Promise.all(all);
});

test('a pull has ten minutes from its turn on, however long it waited', async () => {
  const { clock, running, pull } = bench();
  const slow = Promise.allSettled([1, 2, 3].map((n) => pull(`p${n}`, `r/i${n}:1`)));
  const last = pull('p4', 'r/i4:1');
  last.catch(() => {});
  await clock.advance(599_000);
  for (const r of running.values()) r.end();
  await slow;
  await clock.advance(599_000);
  expect([...running.keys()]).toEqual(['r/i4:1']);
  await clock.advance(1_000);
  await expect(last).rejects.toMatchObject({ reason: 'ErrImagePull' });
});

test('one image is pulled once for all who want it, and no longer than the last of them does', async () => {
  const { clock, running, pull } = bench();
  const [first, second] = [new AbortController(), new AbortController()];
  const both = Promise.allSettled([pull('p1', 'r/i:1', first.signal), pull('p2', 'r/i:1', second.signal)]);
  await clock.advance(0);
  expect(running.size).toBe(1);
  const off = running.get('r/i:1')?.off;
  first.abort(new Error('gone'));
  await clock.advance(0);
  expect(off?.aborted).toBe(false);
  second.abort(new Error('gone'));
  await both;
  expect(off?.aborted).toBe(true);
});

test('a pod that goes while its pull begins takes nothing along', async () => {
  const { clock, running, pull } = bench();
  const gone = new AbortController();
  const pulling = pull('p1', 'r/i:1', gone.signal);
  // Its credentials are being looked for.
  gone.abort(new Error('gone'));
  await expect(pulling).rejects.toThrow('gone');
  await clock.advance(0);
  expect(running.size).toBe(0);
});

test('who comes just after an image was given up gets it by a pull of its own', async () => {
  const { clock, running, pull } = bench();
  const gone = new AbortController();
  const first = pull('p1', 'r/i:1', gone.signal);
  first.catch(() => {});
  await clock.advance(0);
  const second = pull('p2', 'r/i:1');
  gone.abort(new Error('gone'));
  await expect(first).rejects.toThrow('gone');
  await clock.advance(0);
  running.get('r/i:1')?.end();
  await second;
});

test('what could not be pulled is tried again after 10 s, then 20 s, each pod for itself', async () => {
  const { clock, images, running, events, pull } = bench();
  for (const wait of [10_000, 20_000]) {
    const failed = pull('p', 'r/i:1');
    await clock.advance(0);
    running.get('r/i:1')?.fail('no such image');
    await expect(failed).rejects.toMatchObject({ reason: 'ErrImagePull', message: 'no such image' });
    await clock.advance(wait - 1000);
    await expect(images.present(pod('p'), container('r/i:1'))).rejects.toMatchObject({
      reason: 'ImagePullBackOff',
      message: 'Back-off pulling image "r/i:1": no such image',
    });
    await clock.advance(1000);
    expect(await images.present(pod('p'), container('r/i:1'))).toBe(false);
  }
  expect(await images.present(pod('other'), container('r/i:1'))).toBe(false);
  expect(events).toContain('BackOff');
});

test.each([
  ['Never', 'ErrImageNeverPull'],
  ['IfNotPresent', undefined],
])('an image that is not there, with policy %s', async (imagePullPolicy, reason) => {
  const { images } = bench();
  const asked = images.present(pod('p'), { ...container('r/i:1'), imagePullPolicy } as Container);
  if (reason) await expect(asked).rejects.toMatchObject({ reason });
  else expect(await asked).toBe(false);
});
