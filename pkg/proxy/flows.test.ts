import { expect, test } from 'vitest';
import { dns, line } from './flow-fixtures.ts';
import { parseFlows, staleFlows } from './flows.ts';
import { endpoints } from './table/fixtures.ts';
import type { ServicePort } from './table/types.ts';

const at = (ip: string) => ({ ip, port: 53, local: false });

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
