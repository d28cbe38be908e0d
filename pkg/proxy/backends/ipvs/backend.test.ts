import { beforeEach, expect, test } from 'vitest';
import type { Exec } from '#process/exec.ts';
import { silentLogger } from '#process/logger.ts';
import { endpoints, servicePort, table } from '../../table/fixtures.ts';
import { IpvsBackend } from './backend.ts';

const web = (...ends: number[]) =>
  table(servicePort(endpoints(...ends.map((n) => ({ ip: `10.244.1.${n}`, port: 8080, local: false })))));
const server = (n: number): string => `10.244.1.${n}:8080`;

/** A kernel that has one virtual server. */
let servers: Map<string, { weight: number; connections: number }>;
/** What the dummy interface has. */
let addresses: Set<string>;
/** What ipvsadm was told. */
let commands: string[];
/** What ipset was told. */
let sets: string[];
/** A command that deletes takes effect when this is over. */
let slow: Promise<void>;
let backend: IpvsBackend;

const listing = (): string =>
  [...servers].reduce(
    (text, [at, s]) => `${text}  -> ${at}              Masq    ${s.weight}      ${s.connections}          0\n`,
    'TCP  10.96.0.7:80 rr\n',
  );

function change(line: string): boolean {
  const [, verb, at = '', weight = ''] = /^-([aed]) -t 10\.96\.0\.7:80 -r (\S+)(?: -m -w (\d))?$/.exec(line) ?? [];
  if (verb === undefined) return true;
  if ((verb === 'a') === servers.has(at)) return false;
  if (verb === 'd') return servers.delete(at);
  servers.set(at, { connections: servers.get(at)?.connections ?? 0, weight: Number(weight) });
  return true;
}

const exec: Exec = async (command, args, options) => {
  const input = String(options?.input ?? '');
  const result = (code: number, stdout = '') => ({ code, stdout, stderr: code === 0 ? '' : 'it exists' });
  if (command === 'ip' && args[0] === 'link') return result(2);
  if (command === 'ip' && args[0] === '-batch') {
    for (const [, verb, a = ''] of input.matchAll(/^addr (add|del) ([^/]+)/gm))
      verb === 'add' ? addresses.add(a) : addresses.delete(a);
  }
  if (command === 'ip' && args[0] === '-o') return result(0, [...addresses].map((a) => `inet ${a}/32\n`).join(''));
  if (command === 'ipset') sets.push(input);
  if (command === 'iptables-restore')
    return result(0, [...input.matchAll(/^-S (.*)/gm)].map((m) => `-A ${m[1]} -j X\n`).join(''));
  if (command !== 'ipvsadm') return result(0);
  if (args[0] !== '-R') return result(0, listing());
  commands.push(...input.trim().split('\n'));
  if (input.startsWith('-d')) await slow;
  return result(input.trim().split('\n').every(change) ? 0 : 1);
};

beforeEach(() => {
  servers = new Map();
  addresses = new Set();
  commands = [];
  sets = [];
  slow = Promise.resolve();
  backend = withScheduler('rr');
});
const withScheduler = (scheduler: string): IpvsBackend =>
  new IpvsBackend({ family: 'IPv4', logger: silentLogger, clusterCidr: '10.244.0.0/16', scheduler, exec });

test('a server that was ending when the proxy was restarted gets connections again if it is wanted', async () => {
  servers.set(server(1), { weight: 1, connections: 0 });
  servers.set(server(2), { weight: 0, connections: 3 });
  servers.set(server(3), { weight: 0, connections: 0 });
  await backend.apply(web(1, 2));
  expect([...servers].map(([at, s]) => `${at} ${s.weight}`)).toEqual([`${server(1)} 1`, `${server(2)} 1`]);
});

test('a server that is wanted again while it is being deleted is there afterwards', async () => {
  await backend.apply(web(1, 2));
  servers.set(server(2), { weight: 1, connections: 1 });
  await backend.apply(web(1));
  expect(servers.get(server(2))).toEqual({ weight: 0, connections: 1 });
  servers.set(server(2), { weight: 0, connections: 0 });
  const { promise, resolve } = Promise.withResolvers<void>();
  slow = promise;
  const looking = backend.intact();
  const changing = backend.apply(web(1, 2));
  for (let turn = 0; turn < 500; turn++) await Promise.resolve();
  resolve();
  await Promise.all([looking, changing]);
  expect(servers.get(server(2))?.weight).toBe(1);
});

test('a proxy that starts leaves no set empty that rules look into', async () => {
  await backend.apply(web(1));
  const lines = sets.flatMap((input) => input.split('\n'));
  expect(lines).toContain('create COX-CLUSTER hash:ip,port -exist');
  expect(lines.filter((l) => /^(flush|destroy)/.test(l) && !l.endsWith('-NEXT'))).toEqual([]);
  expect(lines).toContain('swap COX-CLUSTER-NEXT COX-CLUSTER');
});

test('an address that was taken from the dummy interface is missed, and put back', async () => {
  await backend.apply(web(1));
  expect([[...addresses], await backend.intact()]).toEqual([['10.96.0.7'], true]);
  addresses.clear();
  expect(await backend.intact()).toBe(false);
  await backend.apply(web(1));
  expect([[...addresses], await backend.intact()]).toEqual([['10.96.0.7'], true]);
});

test.each([
  ['wrr', '-s wrr'],
  ['lc', '-s lc'],
  ['sh', '-s sh -b sh-fallback'],
])('a proxy that is started with scheduler %s gives it to what a former one has made', async (name, words) => {
  servers.set(server(1), { weight: 1, connections: 3 });
  await withScheduler(name).apply(web(1));
  expect(commands).toEqual([`-E -t 10.96.0.7:80 ${words}`]);
});
