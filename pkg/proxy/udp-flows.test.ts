import { expect, test } from 'vitest';
import type { Exec } from '#process/exec.ts';
import { type Logger, silentLogger } from '#process/logger.ts';
import { endpoints, servicePort } from './table/fixtures.ts';
import type { ServicePort } from './table/types.ts';
import { parseFlows, staleFlows, UdpFlows } from './udp-flows.ts';

const line = (to: string, port: number, from: string, fromPort = 53): string =>
  `udp      17 29 src=10.0.0.9 dst=${to} sport=4000 dport=${port} [UNREPLIED] src=${from} dst=10.0.0.9 sport=${fromPort} dport=4000 mark=0 use=1\n`;
const at = (ip: string) => ({ ip, port: 53, local: false });
const dns = (more: Partial<ServicePort> = {}): ServicePort =>
  servicePort({
    id: 'ns/dns:',
    protocol: 'udp',
    clusterIP: '10.96.0.10',
    port: 53,
    ...endpoints(at('10.1.0.1')),
    ...more,
  });

test('flows as conntrack prints them', () => {
  const text = `${line('10.96.0.10', 53, '10.1.0.1')}udp      17 11 src=10.0.0.9 dst=10.0.0.1 sport=5 dport=6 src=10.0.0.1 dst=10.0.0.9 sport=6 dport=5 [ASSURED] mark=0 use=1\n`;
  expect(parseFlows(text)).toEqual([
    { to: '10.96.0.10', port: 53, replyFrom: '10.1.0.1', replyPort: 53 },
    { to: '10.0.0.1', port: 6, replyFrom: '10.0.0.1', replyPort: 6 },
  ]);
});

test.each<[string, ServicePort, string, boolean]>([
  ['to an endpoint', dns(), line('10.96.0.10', 53, '10.1.0.1'), false],
  ['to one that has gone', dns(), line('10.96.0.10', 53, '10.1.0.2'), true],
  ['to another port of it', dns(), line('10.96.0.10', 53, '10.1.0.1', 54), true],
  ['to nowhere, from before the first endpoint', dns(), line('10.96.0.10', 53, '10.96.0.10'), true],
  ['at an external address', dns({ externalIPs: ['192.0.2.1'] }), line('192.0.2.1', 53, '10.1.0.2'), true],
  ['at a load balancer', dns({ loadBalancerIPs: ['192.0.2.1'] }), line('192.0.2.1', 53, '10.1.0.2'), true],
  ['at a node port', dns({ nodePort: 30053 }), line('192.0.2.7', 30053, '10.1.0.2'), true],
  [
    'at a node port, from before its service',
    dns({ nodePort: 30053 }),
    line('192.0.2.7', 30053, '192.0.2.7', 30053),
    true,
  ],
  ['to a like port elsewhere', dns({ nodePort: 30053 }), line('192.0.2.8', 30053, '192.0.2.8', 30053), false],
  ['at another port', dns(), line('10.96.0.10', 54, '10.1.0.2'), false],
  [
    'IPv6, to an endpoint',
    dns({ clusterIP: 'fd00:96::a', ...endpoints(at('fd00:1::1')) }),
    line('fd00:96::a', 53, 'fd00:1::1'),
    false,
  ],
  [
    'IPv6, to one that has gone',
    dns({ clusterIP: 'fd00:96::a', ...endpoints(at('fd00:1::1')) }),
    line('fd00:96::a', 53, 'fd00:1::2'),
    true,
  ],
])('%s', (_, service, text, stale) => {
  expect(staleFlows([service], parseFlows(text), new Set(['192.0.2.7']))).toHaveLength(stale ? 1 : 0);
});

test('the kernel is asked only when a UDP service changed, and a deleted one leaves nothing', async () => {
  const calls: string[] = [];
  const exec: Exec = async (command, args) => {
    calls.push([command, ...args].join(' '));
    return { code: 0, stdout: args[0] === '-L' ? line('10.96.0.10', 53, '10.1.0.1') : '', stderr: '' };
  };
  const flows = new UdpFlows(exec, silentLogger, 'IPv4');
  const rows = [dns(), servicePort()];
  await flows.reconcile(rows);
  await flows.reconcile([...rows.slice(0, 1), servicePort()]);
  expect(calls).toEqual(['conntrack -L -f ipv4 -p udp']);
  await flows.reconcile([]);
  expect(calls.at(-1)).toBe('conntrack -D -f ipv4 -p udp --orig-dst 10.96.0.10 --dport 53 --reply-src 10.1.0.1');
});

test('a kernel that could not be asked is asked again, though no service changes', async () => {
  const calls: string[] = [];
  let code = 1;
  const exec: Exec = async (command, args) => {
    calls.push([command, ...args].join(' '));
    return { code, stdout: line('10.96.0.10', 53, '10.1.0.2'), stderr: '' };
  };
  const warnings: unknown[] = [];
  const flows = new UdpFlows(exec, { ...silentLogger, warn: (o: unknown) => warnings.push(o) } as Logger, 'IPv4');
  await flows.reconcile([dns()]);
  await flows.again();
  expect([calls.length, warnings.length]).toEqual([2, 1]);
  code = 0;
  await flows.again();
  expect(calls.at(-1)).toMatch(/ -D .*--reply-src 10\.1\.0\.2$/);
  await flows.again();
  expect(calls).toHaveLength(4);
});

test('however many flows are stale, all are ended', async () => {
  const ended: string[] = [];
  const stale = Array.from({ length: 600 }, (_, i) => line('10.96.0.10', 53, `10.2.${i >> 8}.${i & 255}`)).join('');
  const exec: Exec = async (_, args) => {
    if (args[0] === '-D') ended.push(args.at(-1) ?? '');
    return { code: 0, stdout: args[0] === '-L' ? stale : '', stderr: '' };
  };
  await new UdpFlows(exec, silentLogger, 'IPv4').reconcile([dns()]);
  expect(new Set(ended).size).toBe(600);
});
