import { expect, test } from 'vitest';
import type { Node } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { FakeClock } from '#async/fake-clock.ts';
import type { Client } from '#client/types.ts';
import { silentLogger } from '#process/logger.ts';
import type { NodeFacts } from './node-object.ts';
import { NodeRegistration } from './registration.ts';

const facts = {
  reserved: { cpuMilli: 0, memoryBytes: 0, diskBytes: 0 },
  name: 'n1',
  ips: ['10.0.0.1'],
  labels: {},
  memoryBytes: 0,
  diskBytes: 0,
} as unknown as NodeFacts;
const nodeWith = (name: string, ready: string) =>
  ({ metadata: { name }, status: { conditions: [{ type: 'Ready', status: ready }] } }) as never;

/** A heart of 40 s (a beat every 10 s) and what its API server was told. */
function heart() {
  const clock = new FakeClock();
  const told = { leases: 0, statuses: 0, timeouts: new Set<number>(), conditions: [] as string[] };
  const events: string[] = [];
  const server = { away: false };
  const runtime = { away: false };
  /** What somebody else makes of the Node, each time it was read. */
  const others: { version: number; conditions: string[]; meanwhile: string[] } = {
    ...{ version: 1, conditions: [], meanwhile: [] },
  };
  const shown: { status?: string; message?: string }[] = [];
  const answer = async (count: () => void, o?: { timeoutMs?: number }): Promise<KubeObject> => {
    told.timeouts.add(o?.timeoutMs ?? 0);
    if (server.away) throw new Error('no route');
    count();
    const conditions = others.conditions.map((type) => ({ type, status: 'True' }));
    return {
      metadata: { name: 'n1', resourceVersion: `${others.version}` },
      spec: {},
      status: { conditions },
    } as KubeObject;
  };
  const client = {
    get: async (_k: unknown, _n: string, _ns: string, o: object) => {
      const read = await answer(() => {}, o);
      const [said] = others.meanwhile.splice(0, 1);
      if (said) {
        others.conditions.push(said);
        others.version++;
      }
      return read;
    },
    update: (_k: unknown, _o: unknown, o: object) => answer(() => told.leases++, o),
    patch: (_k: unknown, _t: unknown, p: { body: Node }, o: object) => {
      if (p.body.metadata?.resourceVersion !== `${others.version}`)
        return Promise.reject(errors.modified({ group: '', plural: 'nodes', kind: 'Node' }, 'n1'));
      told.conditions = (p.body.status?.conditions ?? []).map((c) => c.type);
      const ready = p.body.status?.conditions?.find((c) => c.type === 'Ready');
      shown.push({ status: ready?.status ?? '', message: ready?.message ?? '' });
      return answer(() => told.statuses++, o);
    },
  } as unknown as Client;
  const stop = new AbortController();
  const registration = new NodeRegistration({
    tell: (news) => events.push(news.reason),
    client,
    clock,
    logger: silentLogger,
    facts,
    leaseSeconds: 40,
    readiness: () => ({ ready: true, message: '', pressures: [] }),
    devices: () => ({ capacity: {}, allocatable: {} }),
    images: async () => {
      if (runtime.away) throw new Error('no Docker');
      return [];
    },
  });
  const ended = registration.run(stop.signal);
  const end = (): Promise<void> => {
    stop.abort();
    return ended;
  };
  return { clock, told, events, server, runtime, others, shown, registration, end };
}

test('the lease is renewed every quarter, an unchanged status is not written again', async () => {
  const h = heart();
  await h.clock.advance(60_000);
  expect(h.told).toMatchObject({ leases: 7, statuses: 1 });
  await h.end();
});

test('after failed heartbeats the status is written again, and the tries were quick', async () => {
  const h = heart();
  await h.clock.advance(5000);
  h.server.away = true;
  await h.clock.advance(30_000);
  expect(h.told.timeouts.has(1500)).toBe(true);
  h.server.away = false;
  await h.clock.advance(500);
  expect(h.told.statuses).toBe(2);
  await h.end();
});

test('after a heartbeat that came late the status is written again', async () => {
  const h = heart();
  await h.clock.advance(5000);
  h.clock.jump(25_000);
  await h.clock.advance(5000);
  expect(h.told.statuses).toBe(2);
  await h.end();
});

test.each([
  ['n1', 'Unknown', 2],
  ['n1', 'True', 1],
  ['other', 'Unknown', 1],
])('node %s shown as Ready %s: %d statuses, at once', async (name, ready, statuses) => {
  const h = heart();
  await h.clock.advance(1000);
  h.registration.seen(nodeWith(name, ready));
  await h.clock.advance(0);
  expect(h.told.statuses).toBe(statuses);
  await h.end();
});

test('a node whose runtime is away for long is not ready until it is back; a restart of it is no matter', async () => {
  const h = heart();
  await h.clock.advance(5000);
  h.runtime.away = true;
  await h.clock.advance(20_000);
  h.runtime.away = false;
  await h.clock.advance(20_000);
  expect(h.shown).toMatchObject([{ status: 'True' }]);
  h.runtime.away = true;
  await h.clock.advance(60_000);
  expect(h.shown).toMatchObject([{ status: 'True' }, { status: 'False', message: 'container runtime is down' }]);
  expect(h.told.leases).toBeGreaterThan(8);
  h.runtime.away = false;
  await h.clock.advance(20_000);
  expect(h.shown.at(-1)).toMatchObject({ status: 'True' });
  await h.end();
});

test('what becomes of the node is told once it is written, and when it is cordoned', async () => {
  const h = heart();
  h.server.away = true;
  await h.clock.advance(2000);
  expect(h.events).toEqual([]);
  h.server.away = false;
  await h.clock.advance(3000);
  expect(h.events.splice(0)).toEqual(['NodeHasSufficientMemory', 'NodeHasNoDiskPressure', 'NodeHasSufficientPID']);
  for (const unschedulable of [false, true, true, false]) {
    const node = { ...(nodeWith('n1', 'True') as object), spec: { unschedulable } };
    h.registration.seen(node as never);
  }
  expect(h.events.slice(0, 2)).toEqual(['NodeNotSchedulable', 'NodeSchedulable']);
  await h.end();
});

test('what others say of the node while the status is written stays', async () => {
  const h = heart();
  h.others.meanwhile.push('A', 'B');
  await h.clock.advance(0);
  expect(h.told.statuses).toBe(1);
  expect(h.told.conditions).toEqual(expect.arrayContaining(['Ready', 'A', 'B']));
  await h.end();
});
