import { globalAgent } from 'node:http';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { cut, json, type StubServer, startStubServer } from '#client/stub-server.ts';
import { Rest } from './rest.ts';

let server: StubServer;
let rest: Rest;

beforeAll(async () => {
  server = await startStubServer();
  // Only the script ends connections.
  server.http.keepAliveTimeout = 0;
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
