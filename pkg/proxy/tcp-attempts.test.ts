import { expect, test } from 'vitest';
import type { Exec } from '#process/exec.ts';
import { silentLogger } from '#process/logger.ts';
import { endpoints, servicePort } from './table/fixtures.ts';
import type { ServicePort } from './table/types.ts';
import { TcpAttempts } from './tcp-attempts.ts';

const LIST = 'conntrack -L -f ipv4 -p tcp --state SYN_SENT';
const end = (ip: string) =>
  `conntrack -D -f ipv4 -p tcp --state SYN_SENT --orig-dst 10.96.0.9 --dport 80 --reply-src ${ip}`;
const line = (from: string): string =>
  `tcp      6 116 SYN_SENT src=10.0.0.9 dst=10.96.0.9 sport=4000 dport=80 [UNREPLIED] src=${from} dst=10.0.0.9 sport=8080 dport=4000 mark=0 use=1\n`;
const web = (...ips: string[]): ServicePort =>
  servicePort({
    ...{ id: 'ns/web:', clusterIP: '10.96.0.9', port: 80 },
    ...endpoints(...ips.map((ip) => ({ ip, port: 8080, local: false }))),
  });

function attempts(list: () => Promise<void> = async () => {}) {
  const calls: string[] = [];
  const exec: Exec = async (command, args) => {
    calls.push([command, ...args].join(' '));
    if (args[0] === '-L') await list();
    return { code: 0, stdout: args[0] === '-L' ? line('10.1.0.1') + line('10.1.0.2') : '', stderr: '' };
  };
  return { calls, tcp: new TcpAttempts(exec, silentLogger, 'IPv4') };
}

test('the kernel is asked at first and when an endpoint has gone, and forgets what leads there', async () => {
  const { calls, tcp } = attempts();
  const [one, both] = [web('10.1.0.1'), web('10.1.0.1', '10.1.0.2')];
  await tcp.reconcile([both]);
  await tcp.reconcile([both]);
  await tcp.reconcile([web('10.1.0.1', '10.1.0.2', '10.1.0.3')]);
  expect(calls).toEqual([LIST]);
  await tcp.reconcile([one]);
  expect(calls.splice(0)).toEqual([LIST, LIST, end('10.1.0.2')]);
  await tcp.reconcile([]);
  expect(calls).toEqual([LIST, end('10.1.0.1'), end('10.1.0.2')]);
});

test('of no services nothing is asked, then of each that loses an endpoint', async () => {
  const { calls, tcp } = attempts();
  await tcp.reconcile([]);
  await tcp.reconcile([web('10.1.0.1', '10.1.0.2')]);
  expect(calls).toEqual([]);
  await tcp.reconcile([web('10.1.0.2')]);
  expect(calls).toEqual([LIST, end('10.1.0.1')]);
});

test('what changes while it looks is looked at afterwards, in its last state', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { calls, tcp } = attempts(() => promise);
  void tcp.reconcile([web('10.1.0.1', '10.1.0.2')]);
  void tcp.reconcile([web('10.1.0.1')]);
  const done = tcp.reconcile([web('10.1.0.1', '10.1.0.2')]);
  resolve();
  await done;
  expect(calls).toEqual([LIST, LIST]);
});

test('where something was found it is looked again, some times, until there is nothing', async () => {
  const { calls, tcp } = attempts();
  await tcp.reconcile([web('10.1.0.1', '10.1.0.2')]);
  await tcp.again();
  expect(calls.splice(0)).toEqual([LIST]);
  await tcp.reconcile([web('10.1.0.1')]);
  for (let look = 0; look < 10; look++) await tcp.again();
  expect(calls.splice(0)).toEqual(Array.from({ length: 5 }, () => [LIST, end('10.1.0.2')]).flat());
});

test('a kernel that cannot be asked is no reason to fail', async () => {
  const tcp = new TcpAttempts(() => Promise.reject(new Error('no conntrack')), silentLogger, 'IPv4');
  await tcp.reconcile([web('10.1.0.1')]);
});
