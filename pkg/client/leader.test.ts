import { beforeEach, expect, test } from 'vitest';
import type { Lease } from '#api/kinds/coordination/lease.ts';
import { errors } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import { FakeClock } from '#async/fake-clock.ts';
import { silentLogger } from '#process/logger.ts';
import { ConnectionError } from './connection-error.ts';
import { type Fence, type LeadershipOptions, leaderClient, runWithLeadership } from './leader.ts';
import type { CallOptions, Client } from './types.ts';

const ref = { group: 'coordination.k8s.io', plural: 'leases', kind: 'Lease' };

/** 'mute': what is asked is done, and the answer is lost; 'unread': it has arrived, and is read when somebody gets to it. */
type LinkState = 'up' | 'down' | 'hangs' | 'mute' | 'unread';

/** The lease as the API server keeps it; each contender has its own connection to it, which can be cut or hang. */
class LeaseServer {
  lease: Stored<Lease> | undefined;
  #version = 0;
  readonly writes: string[] = [];
  reads = 0;
  /** Answers that have arrived. */
  readonly unread: (() => void)[] = [];

  store(o: Lease): Stored<Lease> {
    const metadata = { ...o.metadata, resourceVersion: String(++this.#version) };
    this.lease = structuredClone({ ...o, metadata }) as Stored<Lease>;
    this.writes.push(o.spec?.holderIdentity ?? '');
    return structuredClone(this.lease);
  }

  connect(link: { state: LinkState }): Client {
    const through = async <T>(fn: () => T, call?: CallOptions): Promise<T> => {
      call?.guard?.();
      if (link.state === 'down') throw new ConnectionError('down', { neverSent: true });
      if (link.state === 'hangs')
        await new Promise((_, no) => call?.signal?.addEventListener('abort', () => no(new Error('aborted'))));
      const answer = fn();
      if (link.state === 'unread') await new Promise<void>((read) => this.unread.push(read));
      if (link.state === 'mute') throw new ConnectionError('lost', { neverSent: false });
      return answer;
    };
    const found = (name: string): Stored<Lease> => {
      if (!this.lease) throw errors.notFound(ref, name);
      return structuredClone(this.lease);
    };
    return {
      get: (_k: unknown, name: string, _ns: string, call?: CallOptions) =>
        through(() => {
          this.reads++;
          return found(name);
        }, call),
      create: (_k: unknown, o: Lease, call?: CallOptions) =>
        through(() => {
          if (this.lease) throw errors.alreadyExists(ref, o.metadata?.name ?? '');
          return this.store(o);
        }, call),
      update: (_k: unknown, o: Lease, call?: CallOptions) =>
        through(() => {
          if (found('x').metadata.resourceVersion !== o.metadata?.resourceVersion) throw errors.modified(ref, 'x');
          return this.store(o);
        }, call),
    } as unknown as Client;
  }
}

let clock: FakeClock;
let server: LeaseServer;
beforeEach(() => {
  clock = new FakeClock();
  server = new LeaseServer();
});

function contender(identity: string, extra: Partial<LeadershipOptions> = {}) {
  const link: { state: LinkState } = { state: 'up' };
  const stop = new AbortController();
  const client = server.connect(link);
  const state = { leadingSince: -1, endedAt: -1, fence: undefined as Fence | undefined, outcome: 'waiting' as unknown };
  const options: LeadershipOptions = {
    client,
    clock,
    logger: silentLogger,
    leaseName: 'x',
    identity,
    signal: stop.signal,
    monotonicMs: () => clock.now(),
    ...extra,
  };
  runWithLeadership(options, async (signal, fence) => {
    state.leadingSince = clock.now();
    state.fence = fence;
    await new Promise<void>((r) => signal.addEventListener('abort', () => r(), { once: true }));
    state.endedAt = clock.now();
  }).then(
    () => {
      state.outcome = 'returned';
    },
    (e: unknown) => {
      state.outcome = e;
    },
  );
  return { link, stop, client, state };
}

test('the first takes the lease and renews it; the second waits', async () => {
  const a = contender('a');
  await clock.advance(0);
  const b = contender('b');
  await clock.advance(60_000);
  expect(a.state.leadingSince).toBeGreaterThan(0);
  expect(b.state.leadingSince).toBe(-1);
  expect(server.lease?.spec).toMatchObject({ holderIdentity: 'a', leaseDurationSeconds: 15, leaseTransitions: 0 });
  expect(server.lease?.metadata.namespace).toBe('kube-system');
  expect(server.lease?.spec?.renewTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  expect(server.lease?.spec?.acquireTime).not.toBe(server.lease?.spec?.renewTime);
  expect(server.writes.length).toBeGreaterThan(25);
});

test('renewals need no reads', async () => {
  contender('a');
  await clock.advance(60_000);
  expect(server.reads).toBe(1);
});

test('after a renewal whose answer was lost, the next one does not take two periods', async () => {
  const a = contender('a');
  await clock.advance(1000);
  a.link.state = 'mute';
  await clock.advance(2000);
  a.link.state = 'up';
  expect(server.writes).toHaveLength(2);
  await clock.advance(1500);
  expect(server.writes).toHaveLength(3);
});

test('a clean end releases the lease, and the next one leads within two periods', async () => {
  const a = contender('a');
  await clock.advance(5000);
  const b = contender('b');
  await clock.advance(5000);
  const at = clock.now();
  a.stop.abort(new Error('stopped'));
  await clock.advance(0);
  expect(a.state.outcome).toBe('returned');
  expect(server.lease?.spec?.holderIdentity).toBe('');
  expect(() => a.state.fence?.assertLeading()).toThrow('lost the lease x');
  await clock.advance(5000);
  expect(b.state.leadingSince - at).toBeLessThan(4000);
  expect(server.lease?.spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
});

test.each(['down', 'hangs'] as const)(
  'a leader whose connection is %s ends before anyone else may lead',
  async (how) => {
    let lost = 0;
    const a = contender('a', { onLost: () => void lost++ });
    await clock.advance(10_000);
    const b = contender('b');
    await clock.advance(3000);
    const at = clock.now();
    a.link.state = how;
    await clock.advance(60_000);
    expect(a.state.outcome).toMatchObject({ name: 'LeadershipLost' });
    expect(lost).toBe(1);
    expect(a.state.endedAt - at).toBeLessThanOrEqual(10_000);
    expect(b.state.leadingSince).toBeGreaterThan(a.state.endedAt + 3000);
    expect(b.state.leadingSince - at).toBeLessThan(20_000);
  },
);

test('who waits leads when the lease of a dead leader ends, not when it would have asked again', async () => {
  const a = contender('a');
  await clock.advance(0);
  a.link.state = 'down';
  const at = clock.now();
  const b = contender('b', { retryPeriodMs: 9000 });
  await clock.advance(20_000);
  expect(b.state.leadingSince - at).toBeGreaterThanOrEqual(15_000);
  expect(b.state.leadingSince - at).toBeLessThan(15_010);
});

test('a short outage costs nothing', async () => {
  const a = contender('a');
  await clock.advance(10_000);
  a.link.state = 'down';
  await clock.advance(7000);
  a.link.state = 'up';
  await clock.advance(30_000);
  expect(a.state.outcome).toBe('waiting');
  expect(a.state.endedAt).toBe(-1);
});

test('a leader that was stopped finds the fence down before it writes anything', async () => {
  const a = contender('a');
  await clock.advance(10_000);
  const guarded = leaderClient(a.client, a.state.fence as Fence);
  const lease = { metadata: { ...server.lease?.metadata } };
  expect((await guarded.update({} as never, lease)).metadata?.resourceVersion).toBeDefined();
  // SIGSTOP: time passes, nothing runs.
  clock.jump(10_001);
  const writes = server.writes.length;
  await expect(guarded.update({} as never, lease)).rejects.toThrow('lost the lease x');
  await expect(guarded.create({} as never, {})).rejects.toThrow('lost the lease x');
  expect(server.writes).toHaveLength(writes);
  expect(await guarded.get({} as never, 'x', 'kube-system')).toBeDefined();
  await clock.advance(10);
  expect(a.state.outcome).toMatchObject({ name: 'LeadershipLost' });
  expect(server.writes).toHaveLength(writes);
});

test('a renewal whose answer arrived while the process was held up counts, although its deadline is due first', async () => {
  // A turn of Node's loop: what is due, and then what has arrived.
  const after: Clock['after'] = (ms, fn) =>
    clock.after(ms, () => {
      fn();
      for (const read of server.unread.splice(0)) read();
    });
  const turning: Clock = { now: () => clock.now(), sleep: (ms, signal) => clock.sleep(ms, signal), after };
  const a = contender('a', { clock: turning });
  await clock.advance(3000);
  a.link.state = 'unread';
  await clock.advance(1500);
  expect(server.unread).toHaveLength(1);
  clock.jump(9000);
  a.link.state = 'up';
  await clock.advance(0);
  expect(server.unread).toHaveLength(0);
  expect(() => a.state.fence?.assertLeading()).not.toThrow();
  await clock.advance(30_000);
  expect(a.state.outcome).toBe('waiting');
});

test('a leader that sees another holder ends at once', async () => {
  const a = contender('a');
  await clock.advance(10_000);
  server.store({ ...server.lease, spec: { ...server.lease?.spec, holderIdentity: 'usurper' } });
  await clock.advance(5000);
  expect(a.state.outcome).toMatchObject({ name: 'LeadershipLost' });
  expect(server.lease?.spec?.holderIdentity).toBe('usurper');
});

test('the clocks of others do not matter: only how long a lease was seen unchanged', async () => {
  server.store({
    metadata: { name: 'x', namespace: 'kube-system' },
    spec: {
      holderIdentity: 'dead',
      leaseDurationSeconds: 15,
      renewTime: '2001-01-01T00:00:00.000000Z',
      leaseTransitions: 4,
    },
  });
  const b = contender('b');
  await clock.advance(15_000);
  expect(b.state.leadingSince).toBe(-1);
  await clock.advance(5000);
  expect(b.state.leadingSince).toBeGreaterThan(0);
  expect(server.lease?.spec?.leaseTransitions).toBe(5);
});

test('a function that does not stop after the loss does not keep the rest waiting', async () => {
  const link: { state: 'up' | 'down' } = { state: 'up' };
  let outcome: unknown;
  runWithLeadership(
    {
      client: server.connect(link),
      clock,
      logger: silentLogger,
      leaseName: 'x',
      identity: 'a',
      signal: new AbortController().signal,
      monotonicMs: () => clock.now(),
    },
    () => new Promise(() => {}),
  ).catch((e: unknown) => {
    outcome = e;
  });
  await clock.advance(5000);
  link.state = 'down';
  await clock.advance(20_000);
  expect(outcome).toMatchObject({ name: 'LeadershipLost' });
});

test('an error of the leader’s own is passed on', async () => {
  const run = runWithLeadership(
    {
      client: server.connect({ state: 'up' }),
      clock,
      logger: silentLogger,
      leaseName: 'x',
      identity: 'a',
      signal: new AbortController().signal,
      monotonicMs: () => clock.now(),
    },
    () => Promise.reject(new Error('a bug')),
  );
  await expect(run).rejects.toThrow('a bug');
});

test('impossible times are refused', async () => {
  const options = {
    client: server.connect({ state: 'up' }),
    clock,
    logger: silentLogger,
    leaseName: 'x',
    identity: 'a',
  };
  const run = runWithLeadership(
    { ...options, renewDeadlineMs: 15_000, signal: new AbortController().signal },
    async () => {},
  );
  await expect(run).rejects.toThrow('renew deadline < lease duration');
});
