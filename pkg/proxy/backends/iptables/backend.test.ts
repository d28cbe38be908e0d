import { beforeEach, describe, expect, test } from 'vitest';
import type { Exec } from '#process/exec.ts';
import type { Logger } from '#process/logger.ts';
import { endpoints, servicePort, table } from '../../table/fixtures.ts';
import type { ServicePort } from '../../table/types.ts';
import { IptablesBackend } from './backend.ts';
import { CHAINS } from './names.ts';

const at = (n: number) => ({ ip: `10.244.1.${n}`, port: 53, local: false });
const port = (protocol: ServicePort['protocol'], ...ends: ReturnType<typeof at>[]): ServicePort =>
  servicePort({ id: 'ns/dns:', protocol, clusterIP: '10.96.0.10', port: 53, ...endpoints(...ends) });

/** A kernel that notes what it is told. */
let calls: string[];
let restores: string[];
let restoreCode: number;
/** Rules that it has no part for. */
let unknown: RegExp | undefined;
let chains: string;
let checkCode: number;
let parameter: string;
let parameterCode: number;
let warnings: number;
const exec: Exec = async (command, args, options) => {
  calls.push([command, ...args].join(' '));
  const result = (code: number, stdout = '') => ({ code, stdout, stderr: code === 0 ? '' : 'sorry' });
  if (command === 'iptables-restore') {
    const input = String(options?.input);
    if (/^-C /m.test(input))
      return result(checkCode, [...input.matchAll(/^-S (.*)/gm)].map((m) => `-A ${m[1]} -j X\n`).join(''));
    restores.push(input);
    return result(unknown?.test(input) ? 4 : restoreCode);
  }
  if (command === 'sysctl') return args[0] === '-n' ? result(0, parameter) : result(parameterCode);
  if (args.includes('-C')) return result(checkCode);
  if (args.includes('-D')) return result(1);
  if (args.includes('-S')) return result(0, chains);
  return result(0);
};
const logger = { warn: () => warnings++ } as unknown as Logger;
let backend: IptablesBackend;
beforeEach(() => {
  calls = [];
  restores = [];
  restoreCode = 0;
  unknown = undefined;
  chains = '';
  checkCode = 0;
  parameter = '0\n';
  parameterCode = 0;
  warnings = 0;
  backend = new IptablesBackend({ exec, logger, family: 'IPv4', clusterCidr: '10.244.0.0/16' });
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
  [1, 12],
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

test('a kernel parameter that is right already is not written: it may be read-only', async () => {
  parameter = '1\n';
  await backend.apply(table());
  expect(calls.filter((c) => c.startsWith('sysctl'))).toEqual(['sysctl -n net.ipv4.conf.all.route_localnet']);
  expect(warnings).toBe(0);
});

test('one that is wrong and cannot be set is told of', async () => {
  parameterCode = 255;
  await backend.apply(table());
  expect(warnings).toBe(1);
});

test('where no chain of ours is, cleanup has nothing to do', async () => {
  chains = '-N DOCKER\n';
  await backend.cleanup();
  expect([restores, calls.filter((c) => c.includes('-D'))]).toEqual([[], []]);
});

test('rules of IPv6 are no business of the ones of IPv4, nor is the loopback of that', async () => {
  const six = new IptablesBackend({ exec, logger, family: 'IPv6', clusterCidr: 'fd00:244::/56' });
  await six.apply(table());
  expect(calls.filter((c) => !c.startsWith('ip6tables'))).toEqual([]);
});

test('cleanup removes every chain of ours', async () => {
  chains = '-N DOCKER\n-N COX-SERVICES\n';
  await backend.cleanup();
  expect(restores.map((r) => r.split('\n').filter((l) => l.startsWith('-X')))).toEqual([
    ['-X COX-SERVICES'],
    ['-X COX-SERVICES'],
  ]);
});

describe('Services of SCTP', () => {
  const sctp = servicePort({ id: 'ns/sig:', protocol: 'sctp', clusterIP: '10.96.0.11', ...endpoints(at(2)) });
  const probes = (): string[] => restores.filter((r) => r.includes(`-A ${CHAINS.probe}`));

  test('a kernel that takes rules for them is asked once, and keeps nothing of that', async () => {
    await backend.apply(table(sctp));
    await backend.apply(table(sctp, port('tcp', at(1))));
    expect([probes().length, warnings]).toEqual([1, 0]);
    expect(restores[1]).toContain(`-X ${CHAINS.probe}`);
    expect(restores.join()).toContain('-p sctp -m sctp -j DNAT --to-destination 10.244.1.2:53');
  });

  test('in one that does not they disturb no others; it is asked again when everything is written anew', async () => {
    unknown = /sctp/;
    await backend.apply(table(sctp, port('tcp', at(1))));
    await backend.apply(table(sctp, port('tcp', at(3))));
    expect(restores.at(-1)).toContain('10.244.1.3:53');
    expect([probes().length, warnings]).toEqual([2, 1]);
    unknown = undefined;
    checkCode = 1;
    await backend.intact();
    await backend.apply(table(sctp));
    expect(restores.at(-1)).toContain('-p sctp');
  });

  test('a restore that fails for another reason is told of as ever', async () => {
    restoreCode = 1;
    await expect(backend.apply(table(sctp))).rejects.toThrow('iptables-restore failed: sorry');
    expect(warnings).toBe(0);
  });

  test('where there are none, nothing is asked', async () => {
    await backend.apply(table(port('tcp', at(1))));
    expect(probes()).toEqual([]);
  });
});
