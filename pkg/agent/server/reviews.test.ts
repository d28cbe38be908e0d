import { expect, test } from 'vitest';
import { FakeClock } from '#async/fake-clock.ts';
import type { Client } from '#client/types.ts';
import { reviewedAccess } from './reviews.ts';
import { subresourcesOf } from './routes.ts';

function world() {
  const clock = new FakeClock();
  const asked: string[] = [];
  const server = { fails: false };
  const create = async (_kind: unknown, review: { kind: string; spec: Record<string, unknown> }) => {
    if (server.fails) throw new Error('no answer');
    const { token, user, resourceAttributes } = review.spec as {
      token?: string;
      user?: string;
      resourceAttributes?: { subresource: string };
    };
    asked.push(token ?? `${user} ${resourceAttributes?.subresource}`);
    if (review.kind === 'TokenReview') {
      return { status: token === 'bad' ? {} : { authenticated: true, user: { username: token, groups: ['g'] } } };
    }
    return { status: { allowed: resourceAttributes?.subresource === 'metrics' } };
  };
  const access = reviewedAccess({ client: { create } as unknown as Client, clock, nodeName: 'n' });
  return { access, asked, clock, server };
}

test('a token is asked about once in two minutes, a good one and a bad one', async () => {
  const { access, asked, clock } = world();
  const both = await Promise.all([access.authenticate('anna'), access.authenticate('anna')]);
  expect(both).toEqual([
    { name: 'anna', groups: ['g'] },
    { name: 'anna', groups: ['g'] },
  ]);
  expect(await access.authenticate('bad')).toBeNull();
  expect(await access.authenticate('bad')).toBeNull();
  expect(asked).toEqual(['anna', 'bad']);
  await clock.advance(120_000);
  await access.authenticate('anna');
  expect(asked).toEqual(['anna', 'bad', 'anna']);
});

test('a refusal is believed for half a minute, a permission for five', async () => {
  const { access, asked, clock } = world();
  const anna = { name: 'anna', groups: [] };
  const may = (subresource: 'metrics' | 'proxy') => access.authorize(anna, { verb: 'get', subresource });
  expect([await may('metrics'), await may('proxy'), await may('proxy')]).toEqual([true, false, false]);
  await clock.advance(30_000);
  expect([await may('metrics'), await may('proxy')]).toEqual([true, false]);
  expect(asked).toEqual(['anna metrics', 'anna proxy', 'anna proxy']);
  await clock.advance(270_000);
  await may('metrics');
  expect(asked.at(-1)).toBe('anna metrics');
});

test('no answer is not remembered', async () => {
  const { access, server } = world();
  server.fails = true;
  await expect(access.authenticate('anna')).rejects.toThrow('no answer');
  server.fails = false;
  expect(await access.authenticate('anna')).toMatchObject({ name: 'anna' });
});

test('thousands of tokens take no more memory than the last of them', async () => {
  const { access, asked } = world();
  for (let i = 0; i <= 1024; i++) await access.authenticate(`t${i}`);
  asked.length = 0;
  await access.authenticate('t1024');
  await access.authenticate('t0');
  expect(asked).toEqual(['t0']);
});

test.each([
  ['/stats/summary', ['stats']],
  ['/metrics/cadvisor', ['metrics']],
  ['/metrics', ['metrics']],
  ['/logs/', ['log']],
  ['/pods', ['pods', 'proxy']],
  ['/healthz', ['healthz', 'proxy']],
  ['/metricsx', ['proxy']],
  ['/exec/ns/p/c', ['proxy']],
  ['/', ['proxy']],
])('%s needs one of %j', (path, want) => {
  expect(subresourcesOf(path)).toEqual(want);
});
