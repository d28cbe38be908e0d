import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Exec, systemExec } from '#process/exec.ts';
import { dns, line } from './flow-fixtures.ts';
import { endStaleFlows, parseFlows, staleFlows } from './flows.ts';
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

describe('several kinds to one address', () => {
  const NODE = '192.0.2.7';
  const GONE = '10.1.0.2';
  const other = dns({ id: 'ns/other:', clusterIP: '10.96.0.11', nodePort: 30053, ...endpoints(at('10.1.0.3')) });
  const pairs = line('10.96.0.10', 53, GONE) + line('10.96.0.11', 53, GONE) + line(NODE, 30053, GONE);
  const stale = (text: string, ...more: ServicePort[]) =>
    staleFlows([dns(), other, ...more], parseFlows(text), new Set([NODE]));
  const emptied = dns({ id: 'ns/none:', clusterIP: '10.96.0.12', ...endpoints() });

  test('are one, whatever services they were for', () => {
    expect(stale(pairs)).toEqual([{ replyFrom: GONE }]);
    expect(stale(line('10.96.0.10', 53, GONE) + pairs + line('10.96.0.10', 53, '10.1.0.1'))).toEqual([
      { replyFrom: GONE },
    ]);
  });

  test('one of a service without endpoints is not of them, and does not keep them apart', () => {
    expect(stale(pairs + line('10.96.0.12', 53, GONE), emptied)).toEqual([
      { at: { to: '10.96.0.12', port: 53 } },
      { replyFrom: GONE },
    ]);
  });

  test.each<[string, string, ServicePort[]]>([
    ['another service has it for an endpoint', '', [dns({ id: 'ns/c:', ...endpoints({ ...at(GONE), port: 54 }) })]],
    ['somebody sends to it directly', line(GONE, 53, GONE), []],
    ['somebody is answered by it for another reason', line('192.0.2.9', 8053, GONE), []],
  ])('stay apart when %s', (_, text, more) => {
    const apart = [
      { at: { to: '10.96.0.10', port: 53 }, replyFrom: GONE },
      { at: { to: '10.96.0.11', port: 53 }, replyFrom: GONE },
      { at: { to: NODE, port: 30053 }, replyFrom: GONE },
    ];
    const rest = more.map((s) => ({ ...s, clusterIP: '10.96.0.13' }));
    expect(stale(pairs + text, ...rest)).toEqual(apart);
  });

  test('and so do those to this node, from before the first endpoint', () => {
    const more = dns({ id: 'ns/d:', clusterIP: '10.96.0.14', nodePort: 30054 });
    expect(stale(line(NODE, 30053, NODE) + line(NODE, 30054, NODE), more)).toHaveLength(2);
  });
});

test('a program that opens its standard input by name, as conntrack does, gets all deletions', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'coxswain-flows-'));
  const [flows, told] = [join(dir, 'flows'), join(dir, 'told')];
  writeFileSync(flows, line('10.96.0.10', 53, '10.1.0.2') + line('10.96.0.10', 53, '10.1.0.3'));
  const script = `#!/bin/sh\ncase "$1" in -L) cat ${flows} ;; -R) cat < /dev/stdin > ${told} ;; *) exit 9 ;; esac\n`;
  writeFileSync(join(dir, 'conntrack'), script, { mode: 0o755 });
  const exec: Exec = (command, args, o) =>
    systemExec(command, args, { ...o, env: { PATH: `${dir}:${process.env.PATH}` } });
  try {
    await endStaleFlows(exec, ['-p', 'udp'], [dns()]);
    const kind = '-D -p udp --orig-dst 10.96.0.10 --dport 53 --reply-src';
    expect(readFileSync(told, 'utf8')).toBe(`${kind} 10.1.0.2\n${kind} 10.1.0.3\n`);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

test('a batch of which one could not be ended keeps none of the later ones back; the first problem is told', async () => {
  const gone = Array.from({ length: 130 }, (_, i) => `10.1.1.${i + 1}`);
  const tried: string[] = [];
  const exec: Exec = (_command, args, { input = '' } = {}) => {
    if (args[0] === '-L')
      return Promise.resolve({ code: 0, stdout: gone.map((ip) => line('10.96.0.10', 53, ip)).join(''), stderr: '' });
    const kinds = args[0] === '-D' ? [args.join(' ')] : `${input}`.trim().split('\n');
    const refused = kinds.map((kind) => /10\.1\.1\.(?:3|99)$/.exec(kind)?.[0]).find((ip) => ip !== undefined);
    if (refused === undefined) tried.push(...kinds);
    return Promise.resolve({
      code: refused === undefined ? 0 : 1,
      stdout: '',
      stderr: refused ? `busy: ${refused}\n` : '',
    });
  };
  await expect(endStaleFlows(exec, ['-p', 'udp'], [dns()])).rejects.toThrow('conntrack -D: busy: 10.1.1.3');
  const ended = tried.map((kind) => kind.split(' ').at(-1));
  expect(ended.sort()).toEqual(gone.filter((ip) => ip !== '10.1.1.3' && ip !== '10.1.1.99').sort());
});
