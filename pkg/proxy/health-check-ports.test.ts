import { createServer } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import type { Logger } from '#process/logger.ts';
import { answer, HealthCheckPorts } from './health-check-ports.ts';

const check = (port: number, localEndpoints: number) => ({
  namespace: 'ns',
  name: 'web',
  uid: 'u',
  port,
  localEndpoints,
});
let problems = 0;
let healthy = true;
const told: string[] = [];
const ports = new HealthCheckPorts(
  { error: () => problems++ } as unknown as Logger,
  () => healthy,
  ({ name }, problem) => told.push(`${name}: ${problem}`),
);
afterEach(() => ports.close());

/** Below those that are given to whoever asks for any: it is not taken as soon as it is given up. */
const PORT = 15_000 + (process.pid % 5000);
/** A connection that were kept might be one that the port closed with the test before. */
const ask = async (port: number): Promise<number> =>
  (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })).status;

test.each([
  [1, true, 200],
  [0, true, 503],
  [2, false, 503],
])('%i endpoints here, rules up to date: %s', (localEndpoints, ok, status) => {
  const a = answer(check(1, localEndpoints), ok);
  expect(a.status).toBe(status);
  expect(JSON.parse(a.body)).toEqual({
    service: { namespace: 'ns', name: 'web' },
    localEndpoints,
    serviceProxyHealthy: ok,
  });
  expect(a.headers['x-load-balancing-endpoint-weight']).toBe(`${localEndpoints}`);
});

test('a port opens, follows its service, and closes', async () => {
  const port = PORT;
  await ports.apply([check(port, 1)]);
  expect(await ask(port)).toBe(200);
  await ports.apply([check(port, 0)]);
  expect(await ask(port)).toBe(503);
  healthy = false;
  await ports.apply([check(port, 1)]);
  expect(await ask(port)).toBe(503);
  healthy = true;
  await ports.apply([]);
  await expect(ask(port)).rejects.toThrow();
});

test('a port that is taken is told of, and tried again', async () => {
  const other = createServer().listen(PORT);
  await new Promise((resolve) => other.once('listening', resolve));
  const port = PORT;
  await ports.apply([check(port, 1)]);
  expect(problems).toBe(1);
  expect([told, ports.complete]).toEqual([[expect.stringMatching(/^web: .*EADDRINUSE/)], false]);
  await new Promise((resolve) => other.close(resolve));
  await ports.apply([check(port, 1)]);
  expect([await ask(port), ports.complete]).toEqual([200, true]);
});
