import { describe, expect, test, vi } from 'vitest';
import { systemClock } from '#async/clock.ts';
import type { Exec, ExecResult } from '#process/exec.ts';
import { type Logger, silentLogger } from '#process/logger.ts';
import { dns, line } from './flow-fixtures.ts';
import { type FlowKind, StaleFlows, TCP_ATTEMPTS, UDP } from './stale-flows.ts';
import { endpoints, servicePort } from './table/fixtures.ts';
import type { ServicePort } from './table/types.ts';

const MANY = 'sh -c cat | conntrack -R -';

/** A kernel that remembers `flows`, and the commands it gets: those of one call in lines after it. */
function kernel(
  kind: FlowKind,
  flows: string,
  answer: (verb: string) => Promise<Partial<ExecResult>> = async () => ({}),
  sleep: (ms: number) => Promise<void> = async () => {},
) {
  const calls: string[] = [];
  const warnings: unknown[] = [];
  const exec: Exec = async (command, args, o) => {
    const given = String(o?.input ?? '')
      .split('\n')
      .filter(Boolean);
    calls.push([command, ...args].join(' '), ...given.map((line) => `conntrack ${line}`));
    return { code: 0, stdout: args[0] === '-L' ? flows : '', stderr: '', ...(await answer(args[0] ?? '')) };
  };
  const logger = { ...silentLogger, warn: (o: unknown) => warnings.push(o) } as Logger;
  return {
    calls,
    warnings,
    stale: new StaleFlows(kind, { exec, logger, family: 'IPv4', clock: { ...systemClock, sleep } }),
  };
}
const NONE_LEFT = { code: 1, stderr: 'conntrack v1.4.7 (conntrack-tools): 0 flow entries have been deleted.\n' };

describe('attempts to connect', () => {
  const LIST = 'conntrack -L -f ipv4 -p tcp --state SYN_SENT';
  const end = (ip: string, port = 80): string =>
    `conntrack -D -f ipv4 -p tcp --state SYN_SENT --orig-dst 10.96.0.9 --dport ${port} --reply-src ${ip}`;
  /** Of a service without endpoints, all that goes to it. */
  const END_ALL = 'conntrack -D -f ipv4 -p tcp --state SYN_SENT --orig-dst 10.96.0.9 --dport 80';
  const attempt = (from: string, port = 80): string =>
    `tcp      6 116 SYN_SENT src=10.0.0.9 dst=10.96.0.9 sport=4000 dport=${port} [UNREPLIED] src=${from} dst=10.0.0.9 sport=8080 dport=4000 mark=0 use=1\n`;
  const web = (...ips: string[]): ServicePort =>
    servicePort({
      ...{ id: 'ns/web:', clusterIP: '10.96.0.9', port: 80 },
      ...endpoints(...ips.map((ip) => ({ ip, port: 8080, local: false }))),
    });
  const BOTH = attempt('10.1.0.1') + attempt('10.1.0.2');

  test('the kernel is asked at first and when an endpoint has gone, and forgets what leads there', async () => {
    const { calls, stale } = kernel(TCP_ATTEMPTS, BOTH);
    const [one, both] = [web('10.1.0.1'), web('10.1.0.1', '10.1.0.2')];
    await stale.reconcile([both]);
    await stale.reconcile([both]);
    await stale.reconcile([web('10.1.0.1', '10.1.0.2', '10.1.0.3')]);
    expect(calls).toEqual([LIST]);
    await stale.reconcile([one]);
    expect(calls.splice(0)).toEqual([LIST, LIST, end('10.1.0.2')]);
    await stale.reconcile([]);
    expect(calls).toEqual([LIST, END_ALL]);
  });

  test('of no services nothing is asked, then of each that comes or loses an endpoint', async () => {
    const { calls, stale } = kernel(TCP_ATTEMPTS, BOTH);
    await stale.reconcile([]);
    expect(calls).toEqual([]);
    await stale.reconcile([web('10.1.0.1', '10.1.0.2')]);
    expect(calls.splice(0)).toEqual([LIST]);
    await stale.reconcile([web('10.1.0.2')]);
    expect(calls).toEqual([LIST, end('10.1.0.1')]);
  });

  test.each([
    ['the first endpoint', web(), web('10.1.0.1'), [LIST, end('10.96.0.9')]],
    ['a new address', { ...web('10.1.0.1'), clusterIP: '10.96.0.8' }, web('10.1.0.1'), [LIST, end('10.96.0.9')]],
    ['a node port', web('10.1.0.1'), { ...web('10.1.0.1'), nodePort: 30_080 }, [LIST, end('10.96.0.9')]],
    ['another endpoint', web('10.1.0.1'), web('10.1.0.1', '10.1.0.2'), []],
    ['a node port without endpoints', web(), { ...web(), nodePort: 30_080 }, []],
  ])('%s is a reason to end those that came before it and lead nowhere', async (_, before, after, asked) => {
    const { calls, stale } = kernel(TCP_ATTEMPTS, attempt('10.96.0.9'));
    await stale.reconcile([before]);
    calls.length = 0;
    await stale.reconcile([after]);
    expect(calls).toEqual(asked);
  });

  test('however many services lose endpoints at once, the kernel is asked once', async () => {
    const ports = Array.from({ length: 50 }, (_, i) => ({
      ...web('10.1.0.1', '10.1.0.2'),
      id: `ns/web${i}:`,
      port: i,
    }));
    const { calls, stale } = kernel(
      TCP_ATTEMPTS,
      attempt('10.1.0.2', 7) + attempt('10.1.0.2', 8) + attempt('10.1.0.1', 8),
    );
    await stale.reconcile(ports);
    await stale.reconcile(ports.map((s) => ({ ...web('10.1.0.1'), id: s.id, port: s.port })));
    expect(calls).toEqual([LIST, LIST, 'conntrack -D -f ipv4 -p tcp --state SYN_SENT --reply-src 10.1.0.2']);
  });

  test('what changes while it looks is looked at afterwards, in its last state', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { calls, stale } = kernel(TCP_ATTEMPTS, BOTH, () => promise.then(() => ({})));
    void stale.reconcile([web('10.1.0.1', '10.1.0.2')]);
    void stale.reconcile([web('10.1.0.1')]);
    const done = stale.reconcile([web('10.1.0.1', '10.1.0.2')]);
    resolve();
    await done;
    expect(calls).toEqual([LIST, LIST]);
  });

  test('one that may still be answered is left alone: the kernel is asked later, and what goes meanwhile has its turn next', async () => {
    const pauses: PromiseWithResolvers<void>[] = [];
    const slept: number[] = [];
    const { calls, stale } = kernel(TCP_ATTEMPTS, BOTH, undefined, (ms) => {
      slept.push(ms);
      const pause = Promise.withResolvers<void>();
      pauses.push(pause);
      return pause.promise;
    });
    const done = stale.reconcile([web('10.1.0.1', '10.1.0.2')]);
    void stale.reconcile([web('10.1.0.2')]);
    expect([calls, slept]).toEqual([[], [250]]);
    pauses[0]?.resolve();
    await vi.waitFor(() => expect(slept).toEqual([250, 250]));
    expect(calls.splice(0)).toEqual([LIST]);
    // It is back before its turn comes.
    void stale.reconcile([web('10.1.0.1', '10.1.0.2')]);
    pauses[1]?.resolve();
    await done;
    expect(calls).toEqual([LIST]);
  });

  test('an endpoint that came while it looked is missed when it goes', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { calls, stale } = kernel(TCP_ATTEMPTS, BOTH, () => promise.then(() => ({})));
    void stale.reconcile([web('10.1.0.1')]);
    const done = stale.reconcile([web('10.1.0.1', '10.1.0.2')]);
    resolve();
    await done;
    calls.length = 0;
    await stale.reconcile([web('10.1.0.1')]);
    expect(calls).toEqual([LIST, end('10.1.0.2')]);
  });

  test.each([
    ['nothing was left of them', NONE_LEFT, 0],
    ['conntrack gave up half-way', { code: 1, stderr: 'conntrack: Operation failed: no such entry' }, 1],
  ])('when %s it is looked again no more than is needed', async (_, answer, more) => {
    let answers = 0;
    const { calls, stale } = kernel(TCP_ATTEMPTS, BOTH, async (verb) =>
      verb === '-D' && answers++ === 0 ? answer : {},
    );
    await stale.reconcile([web('10.1.0.1', '10.1.0.2')]);
    await stale.again();
    expect(calls.splice(0)).toEqual([LIST]);
    await stale.reconcile([web()]);
    const look = [LIST, END_ALL];
    expect(calls.splice(0)).toEqual(look);
    for (let i = 0; i < 10; i++) await stale.again();
    expect(calls).toEqual(more ? look : []);
  });
});

describe('flows of UDP', () => {
  const LIST = 'conntrack -L -f ipv4 -p udp';

  test('the kernel is asked only when a UDP service changed, and a deleted one leaves nothing', async () => {
    const { calls, stale } = kernel(UDP, line('10.96.0.10', 53, '10.1.0.1'));
    const rows = [dns(), servicePort()];
    await stale.reconcile(rows);
    await stale.reconcile([...rows.slice(0, 1), servicePort()]);
    await stale.again();
    expect(calls).toEqual([LIST]);
    await stale.reconcile([]);
    expect(calls.at(-1)).toBe('conntrack -D -f ipv4 -p udp --orig-dst 10.96.0.10 --dport 53');
  });

  test('a service may come when nothing was there, and flows from before it lead nowhere', async () => {
    const { calls, stale } = kernel(UDP, line('10.96.0.10', 53, '10.96.0.10'));
    await stale.reconcile([]);
    await stale.reconcile([dns()]);
    expect(calls.at(-1)).toBe('conntrack -D -f ipv4 -p udp --orig-dst 10.96.0.10 --dport 53 --reply-src 10.96.0.10');
  });

  test('an address that a service has no more leaves nothing, one that another service got from it stays', async () => {
    const flows = line('192.0.2.1', 53, '10.1.0.1') + line('192.0.2.2', 53, '10.1.0.2');
    const { calls, stale } = kernel(UDP, flows);
    const other = { id: 'ns/a:', clusterIP: '10.96.0.11', ...endpoints({ ip: '10.1.0.2', port: 53, local: false }) };
    await stale.reconcile([dns(other), dns({ externalIPs: ['192.0.2.1', '192.0.2.2'] })]);
    calls.length = 0;
    await stale.reconcile([dns({ ...other, externalIPs: ['192.0.2.2'] }), dns()]);
    const end = 'conntrack -D -f ipv4 -p udp --orig-dst 192.0.2.1 --dport 53';
    expect(calls).toEqual([LIST, end]);
  });

  test('of a service that had many endpoints and has none, all are ended at once', async () => {
    const flows = Array.from({ length: 600 }, (_, i) => line('10.96.0.10', 53, `10.2.${i >> 8}.${i & 255}`)).join('');
    const { calls, stale } = kernel(UDP, flows);
    await stale.reconcile([dns(endpoints())]);
    expect(calls).toEqual([LIST, 'conntrack -D -f ipv4 -p udp --orig-dst 10.96.0.10 --dport 53']);
  });

  test('a pod that is gone costs one call, however many services it was an endpoint of', async () => {
    const ports = Array.from({ length: 500 }, (_, i) => dns({ id: `ns/dns${i}:`, port: i + 1 }));
    const flows = ports.flatMap((s) => [line(s.clusterIP, s.port, '10.1.0.2'), line(s.clusterIP, s.port, '10.1.0.3')]);
    const { calls, stale } = kernel(UDP, flows.join(''));
    await stale.reconcile(ports);
    const end = 'conntrack -D -f ipv4 -p udp --reply-src';
    expect(calls).toEqual([LIST, MANY, `${end} 10.1.0.2`, `${end} 10.1.0.3`]);
  });

  describe('of a service that has lost many of its endpoints', () => {
    const lost = Array.from({ length: 600 }, (_, i) => `10.2.${i >> 8}.${i & 255}`);
    const flows = lost.map((ip) => line('10.96.0.10', 53, ip)).join('');
    const ended = (calls: readonly string[]) => calls.flatMap((c) => c.split('--reply-src ').slice(1));

    test('all are ended in few calls', async () => {
      const { calls, stale } = kernel(UDP, flows);
      await stale.reconcile([dns()]);
      expect(ended(calls)).toEqual(lost);
      expect(calls.filter((c) => !c.startsWith('conntrack -D'))).toEqual([LIST, ...Array(10).fill(MANY)]);
    });

    test('all are ended one by one where conntrack does not take several', async () => {
      const { calls, warnings, stale } = kernel(UDP, flows, async (verb) => (verb === '-c' ? { code: 2 } : {}));
      await stale.reconcile([dns()]);
      expect(new Set(ended(calls))).toEqual(new Set(lost));
      expect([calls.length, warnings.length]).toEqual([1 + 10 + 600 + 600, 0]);
    });
  });
});

test.each([UDP, TCP_ATTEMPTS])(
  'a kernel that could not be asked of $protocol is asked again, though no service changes',
  async (kind) => {
    let code = 1;
    const { calls, warnings, stale } = kernel(kind, line('10.96.0.10', 53, '10.1.0.2'), async () => ({ code }));
    await stale.reconcile([dns({ protocol: kind.protocol })]);
    await stale.again();
    expect([calls.length, warnings.length]).toEqual([2, 1]);
    code = 0;
    await stale.again();
    expect(calls.at(-1)).toMatch(/ -D .*--reply-src 10\.1\.0\.2$/);
    await stale.again();
    expect(calls).toHaveLength(4);
  },
);

test('a kernel that cannot be asked at all is no reason to fail', async () => {
  const { stale } = kernel(TCP_ATTEMPTS, '', () => Promise.reject(new Error('no conntrack')));
  await stale.reconcile([servicePort()]);
});
