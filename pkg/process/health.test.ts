import { Counter, Registry } from 'prom-client';
import { afterEach, expect, test } from 'vitest';
import { type HealthServer, startHealthServer } from './health.ts';
import type { Checks } from './health-pages.ts';

let server: HealthServer | undefined;
afterEach(() => server?.close());

async function serve(checks: Checks, ready: Checks = {}) {
  const registry = new Registry();
  new Counter({ name: 'things_total', help: 'Things.', registers: [registry] }).inc(3);
  server = await startHealthServer({ address: '127.0.0.1:0', checks, ready, registry });
  const base = `http://127.0.0.1:${server.address?.port}`;
  return async (path: string, method = 'GET') => {
    const r = await fetch(base + path, { method });
    return [r.status, await r.text()] as const;
  };
}

const broken = (): never => {
  throw new Error('no luck');
};

test('all well: ok, and the list of checks when asked', async () => {
  const get = await serve({ loop: () => {} }, { caches: () => Promise.resolve() });
  for (const path of ['/livez', '/healthz', '/readyz']) expect(await get(path)).toEqual([200, 'ok']);
  expect(await get('/readyz?verbose')).toEqual([200, '[+]ping ok\n[+]loop ok\n[+]caches ok\nreadyz check passed\n']);
  expect((await get('/livez?verbose'))[1]).toBe('[+]ping ok\n[+]loop ok\nlivez check passed\n');
});

test('not ready is not dead; a failed check says why, and can be excluded', async () => {
  const get = await serve({}, { caches: broken });
  expect(await get('/livez')).toEqual([200, 'ok']);
  expect(await get('/readyz')).toEqual([500, '[+]ping ok\n[-]caches failed: no luck\nreadyz check failed\n']);
  expect(await get('/readyz?exclude=caches')).toEqual([200, 'ok']);
});

test('each check has a page of its own', async () => {
  const get = await serve({ loop: broken }, { caches: () => Promise.resolve() });
  expect(await get('/readyz/caches')).toEqual([200, 'ok']);
  expect(await get('/livez/ping')).toEqual([200, 'ok']);
  expect(await get('/livez/loop?verbose')).toEqual([500, '[-]loop failed: no luck\nlivez check failed\n']);
  for (const path of ['/livez/caches', '/livez/constructor', '/livez/loop/more'])
    expect((await get(path))[0], path).toBe(404);
});

test('what checks have found is told with those that ran, by page', async () => {
  const get = await serve({ loop: broken });
  await get('/livez');
  await get('/livez?exclude=loop');
  await get('/readyz/ping');
  const lines = (await get('/metrics/slis'))[1].split('\n').filter((l) => l.startsWith('kubernetes_'));
  expect(lines).toEqual([
    'kubernetes_healthcheck{name="ping",type="livez"} 1',
    'kubernetes_healthcheck{name="loop",type="livez"} 0',
    'kubernetes_healthcheck{name="ping",type="readyz"} 1',
    'kubernetes_healthchecks_total{name="ping",status="success",type="livez"} 2',
    'kubernetes_healthchecks_total{name="loop",status="error",type="livez"} 1',
    'kubernetes_healthchecks_total{name="ping",status="success",type="readyz"} 1',
  ]);
});

test('a page of the program’s own stands in for the usual one', async () => {
  const registry = new Registry();
  let code = 200;
  const pages = { '/healthz': () => ({ code, type: 'application/json', body: '{}' }) };
  server = await startHealthServer({ address: '127.0.0.1:0', checks: { loop: broken }, pages, registry });
  const get = (path: string) => fetch(`http://127.0.0.1:${server?.address?.port}${path}`);
  const healthy = await get('/healthz');
  expect([healthy.status, healthy.headers.get('content-type'), await healthy.text()]).toEqual([
    ...[200, 'application/json', '{}'],
  ]);
  code = 503;
  expect([(await get('/healthz')).status, (await get('/livez')).status]).toEqual([503, 500]);
  expect((await get('/constructor')).status).toBe(404);
});

test('metrics, version, unknown paths and methods', async () => {
  const get = await serve({});
  expect((await get('/metrics'))[1]).toContain('things_total 3');
  expect(JSON.parse((await get('/version'))[1])).toMatchObject({
    major: '1',
    minor: '33',
    gitVersion: expect.stringMatching(/^v1\.33\.0\+coxswain\./),
  });
  expect((await get('/'))[0]).toBe(404);
  expect((await get('/livez', 'POST'))[0]).toBe(405);
});

test('an empty address is no server; a wrong one is the user’s error; a port in use is the system’s', async () => {
  const registry = new Registry();
  const off = await startHealthServer({ address: '', checks: {}, registry });
  expect(off.address).toBeUndefined();
  await expect(startHealthServer({ address: 'nowhere', checks: {}, registry })).rejects.toThrow('is not host:port');
  await serve({});
  const taken = `127.0.0.1:${server?.address?.port}`;
  await expect(startHealthServer({ address: taken, checks: {}, registry })).rejects.toThrow('EADDRINUSE');
});
