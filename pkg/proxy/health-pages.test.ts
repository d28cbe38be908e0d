import { beforeEach, expect, test } from 'vitest';
import { FakeClock } from '#async/fake-clock.ts';
import { HEALTHY_MS, healthPages, type Observed } from './health-pages.ts';

let clock: FakeClock;
let waiting: number;
let proxy: { -readonly [K in keyof Observed]: Observed[K] };

beforeEach(() => {
  clock = new FakeClock(Date.parse('2026-01-01T00:10:00Z'));
  waiting = 0;
  proxy = { lastSync: clock.now(), nodeEligible: true, behind: (limit) => (waiting > limit ? 'they wait' : undefined) };
});
const look = () => {
  const pages = healthPages(proxy, clock);
  const { code, type, body } = pages['/healthz']();
  return { healthz: code, livez: pages['/livez']().code, type, body: JSON.parse(body) };
};

test('rules that nobody changed are up to date, whenever they were written', async () => {
  await clock.advance(3_600_000);
  const now = '2026-01-01T01:10:00.000Z';
  expect(look()).toEqual({
    ...{ healthz: 200, livez: 200, type: 'application/json' },
    body: { lastUpdated: now, currentTime: now, nodeEligible: true },
  });
  expect(JSON.parse(healthPages(proxy, clock)['/livez']().body)).toEqual({ lastUpdated: now, currentTime: now });
});

test('changes that have waited for two periods are told, with the time of the last that came to the kernel', async () => {
  await clock.advance(HEALTHY_MS);
  waiting = HEALTHY_MS;
  expect(look()).toMatchObject({ healthz: 200, livez: 200 });
  waiting++;
  expect(look()).toMatchObject({
    ...{ healthz: 503, livez: 503 },
    body: { lastUpdated: '2026-01-01T00:10:00.000Z', currentTime: '2026-01-01T00:11:00.000Z', nodeEligible: true },
  });
});

test('before the first rules are written the proxy is not healthy', () => {
  proxy.lastSync = 0;
  expect(look()).toMatchObject({ healthz: 503, livez: 503, body: { lastUpdated: '0001-01-01T00:00:00Z' } });
});

test('a node that is about to go gets nothing new from load balancers; its proxy lives', () => {
  proxy.nodeEligible = false;
  expect(look()).toMatchObject({ healthz: 503, livez: 200, body: { nodeEligible: false } });
});
