import { beforeEach, expect, test } from 'vitest';
import type { Exec } from '#process/exec.ts';
import type { Logger } from '#process/logger.ts';
import type { ServicePort } from '../../table/types.ts';
import { IptablesBackend } from './backend.ts';
import { CHAINS } from './names.ts';

const at = (n: number) => ({ ip: `10.244.1.${n}`, port: 53, local: false });
const port = (protocol: 'tcp' | 'udp', ...ends: ReturnType<typeof at>[]): ServicePort => ({
  id: 'ns/dns:',
  protocol,
  clusterIP: '10.96.0.10',
  port: 53,
  nodePort: 0,
  externalIPs: [],
  sourceRanges: [],
  affinitySeconds: 0,
  internal: ends,
  external: ends,
  externalLocal: false,
});
const table = (...ports: ServicePort[]) => ({ ports });

/** A kernel that notes what it is told. */
let calls: string[];
let restores: string[];
let restoreCode: number;
let chains: string;
let checkCode: number;
const exec: Exec = async (command, args, options) => {
  calls.push([command, ...args].join(' '));
  const result = (code: number, stdout = '') => ({ code, stdout, stderr: code === 0 ? '' : 'sorry' });
  if (command === 'iptables-restore') {
    restores.push(String(options?.input));
    return result(restoreCode);
  }
  if (args.includes('-C')) return result(checkCode);
  if (args.includes('-D')) return result(1);
  if (args.includes('-S')) return result(0, args.at(-1) === '-S' ? chains : `-A ${args.at(-1)} -j X\n`);
  return result(0);
};
const logger = { warn: () => {} } as unknown as Logger;
let backend: IptablesBackend;
beforeEach(() => {
  calls = [];
  restores = [];
  restoreCode = 0;
  chains = '';
  checkCode = 0;
  backend = new IptablesBackend({ exec, logger, clusterCidr: '10.244.0.0/16' });
});

test('the first time writes everything and takes chains of a former life away, but no others', async () => {
  chains = '-N DOCKER\n-N COX-SVC-old\n-N COX-SERVICES\n';
  await backend.apply(table(port('tcp', at(1))));
  expect(restores).toHaveLength(1);
  expect(restores[0]).toContain(`:${CHAINS.postrouting} - [0:0]`);
  expect(restores[0]).toContain('-X COX-SVC-old');
  expect(restores[0]).not.toContain('-X COX-SERVICES');
  expect(restores[0]).not.toContain('DOCKER');
});

test('the same again costs no restore, a change a small one', async () => {
  await backend.apply(table(port('tcp', at(1))));
  await backend.apply(table(port('tcp', at(1))));
  expect(restores).toHaveLength(1);
  await backend.apply(table(port('tcp', at(2))));
  expect(restores[1]).toContain('10.244.1.2:53');
  expect(restores[1]).not.toContain(CHAINS.postrouting);
});

test.each([
  [0, 0],
  [1, 9],
])('jumps are put in only where they are missing (check: %i)', async (code, added) => {
  checkCode = code;
  await backend.apply(table());
  expect(calls.filter((c) => c.includes(' -I '))).toHaveLength(added);
});

test('after a failure everything is written again', async () => {
  await backend.apply(table());
  restoreCode = 1;
  await expect(backend.apply(table(port('tcp', at(1))))).rejects.toThrow('iptables-restore failed: sorry');
  restoreCode = 0;
  await backend.apply(table(port('tcp', at(1))));
  expect(restores.at(-1)).toContain(`:${CHAINS.postrouting} - [0:0]`);
});

test('lost rules are noticed, and all written again', async () => {
  await backend.apply(table());
  expect(await backend.intact()).toBe(true);
  checkCode = 1;
  expect(await backend.intact()).toBe(false);
  await backend.apply(table());
  expect(restores).toHaveLength(2);
});

test.each([
  ['udp', ['conntrack -D -p udp --orig-dst 10.96.0.10 --dst-nat 10.244.1.1']],
  ['tcp', []],
] as const)('%s flows to a vanished endpoint are forgotten', async (protocol, expected) => {
  await backend.apply(table(port(protocol, at(1), at(2))));
  await backend.apply(table(port(protocol, at(2))));
  expect(calls.filter((c) => c.startsWith('conntrack'))).toEqual(expected);
});

test('cleanup removes every chain of ours', async () => {
  chains = '-N DOCKER\n-N COX-SERVICES\n';
  await backend.cleanup();
  expect(restores.map((r) => r.split('\n').filter((l) => l.startsWith('-X')))).toEqual([
    ['-X COX-SERVICES'],
    ['-X COX-SERVICES'],
  ]);
});
