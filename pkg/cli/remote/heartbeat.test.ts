import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { FakeClock } from '#async/fake-clock.ts';
import { listenFor } from './heartbeat.ts';

/** One end of a connection; whether the other is there, it says. */
class End extends EventEmitter {
  isPaused = false;
  answers = true;
  ping(): void {
    if (this.answers && !this.isPaused) this.emit('pong');
  }
}

function listened() {
  const [end, clock, lost] = [new End(), new FakeClock(), [] as number[]];
  const stop = listenFor(end, clock, () => lost.push(clock.now()));
  const pass = (seconds: number): Promise<void> => clock.advance(seconds * 1_000);
  return { end, lost, pass, stop };
}

test('a connection is lost when its other end does not answer for a minute, and that is told once', async () => {
  const { end, lost, pass } = listened();
  await pass(300);
  expect(lost).toEqual([]);
  end.answers = false;
  await pass(50);
  expect(lost).toEqual([]);
  await pass(300);
  expect(lost).toHaveLength(1);
});

test('whoever speaks is there, and nobody can be heard while nothing is read', async () => {
  const { end, lost, pass } = listened();
  end.answers = false;
  for (let i = 0; i < 10; i++) {
    await pass(50);
    end.emit('message');
  }
  end.isPaused = true;
  await pass(600);
  end.isPaused = false;
  await pass(50);
  expect(lost).toEqual([]);
});

test('nothing is told of a connection that nobody listens to any more', async () => {
  const { end, lost, pass, stop } = listened();
  end.answers = false;
  stop();
  await pass(300);
  expect(lost).toEqual([]);
});
