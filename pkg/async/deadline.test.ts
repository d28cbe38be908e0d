import { MessageChannel } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { type Clock, systemClock } from './clock.ts';
import { deadline } from './deadline.ts';
import { FakeClock } from './fake-clock.ts';

test('after the process was held up, what has arrived is read first', async () => {
  const { port1, port2 } = new MessageChannel();
  const seen: string[] = [];
  port1.on('message', () => seen.push('an answer'));
  await new Promise<void>((resolve) => {
    deadline(systemClock, 10, () => {
      seen.push('the deadline');
      resolve();
    });
    // Between what was read and the timers.
    setImmediate(() => {
      port2.postMessage('');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    });
  });
  port1.close();
  expect(seen).toEqual(['an answer', 'the deadline']);
});

test('called off it does not run, also when its time is over already', async () => {
  const clock = new FakeClock();
  const ran: string[] = [];
  deadline(clock, 10, () => ran.push('called off before')).cancel();
  const cancelling: Pick<Clock, 'after'> = {
    after: (ms, fn) =>
      clock.after(ms, () => {
        fn();
        late.cancel();
      }),
  };
  const late = deadline(cancelling, 10, () => ran.push('called off when it was due'));
  deadline(clock, 10, () => ran.push('not called off'));
  await clock.advance(10);
  expect(ran).toEqual(['not called off']);
});
