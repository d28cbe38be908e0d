import { expect, test } from 'vitest';
import { FakeClock } from '#async/fake-clock.ts';
import { ReadAhead } from './read-ahead.ts';

const KIB64 = 64 * 1024;
const MIB = 2 ** 20;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A producer in a hurry. */
function flooded(clock: FakeClock, chunks = 1000) {
  const stream = new ReadAhead(clock);
  let taken = 0;
  const write = (): void => {
    if (taken === chunks) stream.end();
    else
      stream.write(Buffer.alloc(KIB64, taken % 251), () => {
        taken++;
        write();
      });
  };
  write();
  return { stream, bytes: () => taken * KIB64 };
}

test('a consumer that takes nothing holds the producer back, for a while', async () => {
  const clock = new FakeClock();
  const { stream, bytes } = flooded(clock);
  await turn();
  await clock.advance(9_900);
  await turn();
  expect(bytes()).toBeLessThan(MIB);
  await clock.advance(100);
  await turn();
  expect(bytes()).toBeGreaterThan(15 * MIB);
  expect(bytes()).toBeLessThan(17 * MIB);
  stream.destroy();
});

test('whoever takes something, however slowly, is waited for', async () => {
  const clock = new FakeClock();
  const { stream, bytes } = flooded(clock);
  let read = 0;
  for (let n = 0; n < 20; n++) {
    await turn();
    read += (stream.read() as Buffer | null)?.length ?? 0;
    await clock.advance(9_000);
  }
  await turn();
  expect(read).toBeGreaterThan(19 * KIB64);
  expect(bytes() - read).toBeLessThan(MIB);
  stream.destroy();
});

test('nothing is lost or changes places, and the end comes last', async () => {
  const clock = new FakeClock();
  const { stream } = flooded(clock, 100);
  await turn();
  await clock.advance(10_000);
  await turn();
  const all: Buffer[] = [];
  for await (const chunk of stream) all.push(chunk as Buffer);
  const whole = Buffer.concat(all);
  expect(whole.length).toBe(100 * KIB64);
  for (let n = 0; n < 100; n++) expect(whole[n * KIB64]).toBe(n);
});

test('few hold so much at a time', async () => {
  const clock = new FakeClock();
  const floods = Array.from({ length: 6 }, () => flooded(clock));
  await turn();
  await clock.advance(10_000);
  await turn();
  const ahead = () => floods.filter((f) => f.bytes() > 15 * MIB).length;
  expect(ahead()).toBe(4);
  for (const { stream } of floods) stream.destroy();
  const { stream, bytes } = flooded(clock);
  await turn();
  await clock.advance(10_000);
  await turn();
  expect(bytes()).toBeGreaterThan(15 * MIB);
  stream.destroy();
});
