import { expect, test } from 'vitest';
import { errors, StatusError } from '#api/meta/errors.ts';
import { FakeClock } from '#async/fake-clock.ts';
import { ConnectionError } from './connection-error.ts';
import { requireServer } from './reachable.ts';
import type { Client } from './types.ts';

const refused = new ConnectionError('GET /version: nothing listens on 10.0.0.1:6443 (ECONNREFUSED)', {
  neverSent: true,
  cause: { code: 'ECONNREFUSED' },
});
const untrusted = new ConnectionError('GET /version: self-signed certificate', {
  neverSent: true,
  cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
});

/** Answers with each item in turn, then with the last for ever. */
function setUp(answers: unknown[]) {
  const clock = new FakeClock();
  let calls = 0;
  const client = {
    raw: async () => {
      const a = answers[Math.min(calls++, answers.length - 1)];
      if (a instanceof Error) throw a;
      return a;
    },
  } as unknown as Client;
  const abort = new AbortController();
  const run = requireServer({ client, server: 'https://10.0.0.1:6443', clock, signal: abort.signal });
  let outcome: unknown = 'waiting';
  run.then(
    () => {
      outcome = 'reached';
    },
    (e: unknown) => {
      outcome = e;
    },
  );
  return { clock, abort, outcome: () => outcome, calls: () => calls };
}

test('waits for a server that comes up', async () => {
  const { clock, outcome } = setUp([refused, refused, errors.unavailable('starting'), { major: '1' }]);
  await clock.advance(2500);
  expect(outcome()).toBe('waiting');
  await clock.advance(1000);
  expect(outcome()).toBe('reached');
});

test('a refusal to show the version is an answer', async () => {
  const { clock, outcome } = setUp([errors.forbiddenPath('no')]);
  await clock.advance(0);
  expect(outcome()).toBe('reached');
});

test.each<[string, Error, number, string]>([
  [
    'nothing there',
    refused,
    30_000,
    'the API server at https://10.0.0.1:6443 cannot be reached: nothing listens on 10.0.0.1:6443 (ECONNREFUSED)',
  ],
  [
    'not trusted',
    untrusted,
    0,
    'the certificate of the API server at https://10.0.0.1:6443 is not trusted: self-signed certificate',
  ],
  ['not let in', errors.unauthorized(), 0, 'the API server at https://10.0.0.1:6443 does not accept these credentials'],
])('%s: one sentence', async (_what, error, afterMs, sentence) => {
  const { clock, outcome } = setUp([error]);
  await clock.advance(afterMs);
  expect(outcome()).toMatchObject({ name: 'UserError', message: sentence });
});

test('stops with its signal', async () => {
  const { clock, abort, outcome } = setUp([new StatusError({ ...errors.unavailable('x').status })]);
  await clock.advance(1500);
  abort.abort(new Error('stop'));
  await clock.advance(0);
  expect(outcome()).toEqual(new Error('stop'));
});
