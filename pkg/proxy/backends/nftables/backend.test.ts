import { beforeEach, expect, test } from 'vitest';
import type { Exec } from '#process/exec.ts';
import { silentLogger } from '#process/logger.ts';
import { endpoints as both, servicePort as port, table } from '../../table/fixtures.ts';
import { NftablesBackend } from './backend.ts';

const at = (n: number) => ({ ip: `10.244.1.${n}`, port: 8080, local: false });
const web = port(both(at(1)));
const other = port({ ...both(at(2)), id: 'ns/other:', clusterIP: '10.96.0.8' });

let scripts: string[];
let fail: boolean;
let sysctls: string[];
const exec: Exec = async (command, args, options) => {
  if (command === 'sysctl') {
    sysctls.push(args.at(-1) ?? '');
    return { code: 0, stdout: '0', stderr: '' };
  }
  if (args.includes('list')) return { code: 1, stdout: '', stderr: '' };
  scripts.push(String(options?.input));
  return { code: fail ? 1 : 0, stdout: '', stderr: 'sorry' };
};
let backend: NftablesBackend;
beforeEach(() => {
  scripts = [];
  sysctls = [];
  fail = false;
  backend = new NftablesBackend({ exec, logger: silentLogger, family: 'IPv4', clusterCidr: '10.244.0.0/16' });
});
const last = (): string => scripts.at(-1) ?? '';
const ALL_ANEW = 'delete table ip coxswain-proxy';

test('the first time writes everything, a change only itself, the same again nothing', async () => {
  await backend.apply(table(web));
  expect(last()).toContain(ALL_ANEW);
  await backend.apply(table(web, other));
  expect(last()).toBe(
    'add element ip coxswain-proxy services { 10.96.0.8 . tcp . 80 : goto cluster-endpoints-1 }\n' +
      'add element ip coxswain-proxy endpoints { 10.96.0.8 . tcp . 80 . 0 : 10.244.1.2 . 8080 }\n',
  );
  await backend.apply(table(web, other));
  expect(scripts).toHaveLength(2);
});

test('after a failure, and after rules were lost, everything is written again', async () => {
  await backend.apply(table(web));
  fail = true;
  await expect(backend.apply(table(web, other))).rejects.toThrow('nft: sorry');
  fail = false;
  await backend.apply(table(web, other));
  expect(last()).toContain(ALL_ANEW);
  expect(last()).toContain('10.244.1.2 . 8080');
  expect(await backend.intact()).toBe(false);
  await backend.apply(table(web, other));
  expect(scripts).toHaveLength(4);
});

test('of two services with one address the last has it, and the other gets it when that one goes', async () => {
  const shared = { externalIPs: ['203.0.113.1'] };
  const [first, rival] = [port({ ...web, ...shared }), port({ ...other, ...shared, ...both(at(2), at(3)) })];
  await backend.apply(table(first));
  await backend.apply(table(first, rival));
  expect(last()).toContain('203.0.113.1 . tcp . 80 : goto external-endpoints-2');
  await backend.apply(table(first));
  expect(last()).toContain('203.0.113.1 . tcp . 80 : goto external-endpoints-1');
  expect(last()).not.toContain(ALL_ANEW);
  await backend.apply(table(first, other));
  expect(
    last()
      .split('\n')
      .filter((l) => l.includes('203.0.113.1')),
  ).toEqual([]);
});

test('no rule that looks up an endpoint is added to a table that is there: nft would refuse it', async () => {
  const many = (count: number) => port(both(...Array.from({ length: count }, (_, i) => at(i + 1))));
  await backend.apply(table(many(1)));
  await backend.apply(table(many(32)));
  expect(last()).toContain('goto cluster-endpoints-32');
  expect(last()).not.toMatch(/ map @|delete table/);
  await backend.apply(table(many(33)));
  expect(last()).toContain(ALL_ANEW);
  await backend.apply(table(many(64)));
  expect(last()).not.toMatch(/ map @|delete table/);
});

test('packets from 127.0.0.1 are routed once the rules are there that guard what listens there', async () => {
  fail = true;
  await expect(backend.apply(table(web))).rejects.toThrow('nft: sorry');
  expect(sysctls).toEqual([]);
  fail = false;
  await backend.apply(table(web));
  await backend.apply(table(web, other));
  expect(sysctls.at(-1)).toBe('net.ipv4.conf.all.route_localnet=1');
  expect(last()).not.toContain(ALL_ANEW);
});

test('in IPv6 the loopback address stays what it is', async () => {
  const six = new NftablesBackend({ exec, logger: silentLogger, family: 'IPv6', clusterCidr: '' });
  await six.apply(table());
  expect(sysctls).toEqual([]);
  expect(last()).toContain('ip6 daddr != ::1/128 fib daddr type local');
});
