import { globalAgent } from 'node:http';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { FakeClock } from '#async/fake-clock.ts';
import { cut, json, type StubServer, startStubServer } from '#client/stub-server.ts';
import { Interrupted, Unanswered } from '../interrupted.ts';
import { Rest } from './rest.ts';

let server: StubServer;
let rest: Rest;

beforeAll(async () => {
  server = await startStubServer();
  rest = new Rest({ server: server.url }, () => {});
});
afterAll(() => server.close());

/** Asks once, so that there is an idle connection; the next request finds it ended. */
async function withEndedConnection(method: string): Promise<unknown> {
  server.script(json(200, {}), cut, json(200, { answer: 42 }));
  await rest.json({ path: '/first' });
  await vi.waitFor(() => expect(Object.keys(globalAgent.freeSockets)).toHaveLength(1), { timeout: 30_000 });
  return rest.json({ method, path: '/second' });
}

test('what only reads is asked again when an idle connection had ended', async () => {
  expect(await withEndedConnection('GET')).toEqual({ answer: 42 });
});

test('what changes something is not sent twice', async () => {
  server.seen.length = 0;
  await expect(withEndedConnection('PATCH')).rejects.toThrow(/hang up/);
  expect(server.seen.map((r) => r.url)).toEqual(['/first', '/second']);
});

/** A server that says when it is asked, and answers when it is told to. */
function heldBack(): { asked: Promise<void>; answer: () => void } {
  const asked = Promise.withResolvers<void>();
  let answer = (): void => {};
  server.script((seen, response, socket) => {
    answer = () => json(200, { answer: 42 })(seen, response, socket);
    asked.resolve();
  });
  return { asked: asked.promise, answer: () => answer() };
}

function interruptible(): { rest: Rest; clock: FakeClock; interrupt: () => void } {
  const command = new AbortController();
  const clock = new FakeClock();
  const o = { signal: command.signal, clock };
  return { rest: new Rest({ server: server.url }, () => {}, o), clock, interrupt: () => command.abort() };
}

test('an interrupt ends what only reads, and nothing is read after it', async () => {
  const { rest, interrupt } = interruptible();
  const { asked } = heldBack();
  const reading = rest.json({ path: '/slow' });
  await asked;
  interrupt();
  await expect(reading).rejects.toThrow(Interrupted);
  await expect(rest.json({ path: '/next' })).rejects.toThrow(Interrupted);
});

test('a change that is under way when the command is interrupted is given a while to be answered', async () => {
  const { rest, interrupt } = interruptible();
  const { asked, answer } = heldBack();
  const changing = rest.json({ method: 'PATCH', path: '/a' });
  await asked;
  interrupt();
  answer();
  expect(await changing).toEqual({ answer: 42 });
});

test('a change that is not answered then is told as one that may be done', async () => {
  const { rest, clock, interrupt } = interruptible();
  const { asked } = heldBack();
  const changing = rest.json({ method: 'PATCH', path: '/a' });
  await asked;
  interrupt();
  const told = expect(changing).rejects.toThrow(Unanswered);
  await clock.advance(10_000);
  await told;
});

test('what tidies up after an interrupt is sent', async () => {
  const { rest, interrupt } = interruptible();
  server.script(json(200, {}));
  interrupt();
  expect(await rest.json({ method: 'DELETE', path: '/a' })).toEqual({});
});
