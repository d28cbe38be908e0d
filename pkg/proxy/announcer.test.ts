import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import type { Exec } from '#process/exec.ts';
import { silentLogger } from '#process/logger.ts';
import { Announcer, interfaceOf, parseLocalRoutes } from './announcer.ts';

test('routes as ip tells them', () => {
  expect(parseLocalRoutes('')).toEqual([]);
  expect(parseLocalRoutes('[{"type":"local","dst":"192.0.2.100","dev":"lo","scope":"host","flags":[]}]')).toEqual([
    '192.0.2.100',
  ]);
});

test('the interface of the LAN', () => {
  const has = (...addresses: string[]) => addresses.map((address) => ({ address })) as never;
  const all = { lo: has('127.0.0.1'), eth0: has('fe80::1', '192.0.2.1') };
  expect([interfaceOf('192.0.2.1', all), interfaceOf('192.0.2.2', all)]).toEqual(['eth0', undefined]);
});

/** A machine's addresses and routes of ours, changed as `ip` is told. */
function machine(routes: string[], addresses: string[] = []) {
  const present = { route: new Set(routes), addr: new Set(addresses) };
  const done: string[] = [];
  const exec: Exec = async (_command, [, ...args]) => {
    const answer = (found: unknown) => ({ code: 0, stdout: JSON.stringify(found), stderr: '' });
    const [kind, verb] = args.includes('-j') ? ['look', args[1]] : [args[0] as 'route' | 'addr', args[1]];
    if (kind === 'look') {
      if (verb === 'route') return answer([...present.route].map((dst) => ({ dst })));
      const wanted = args[args.indexOf('to') + 1]?.split('/')[0] ?? '';
      return answer(present.addr.has(wanted) ? [{ ifname: LAN, addr_info: [{ local: wanted }] }] : [{}]);
    }
    const address = args.find((a) => /[.:]/.test(a))?.split('/')[0] ?? '';
    if (verb === 'add') present[kind as 'route'].add(address);
    if (verb === 'del') present[kind as 'route'].delete(address);
    done.push(`${kind} ${verb} ${address}`);
    return answer([]);
  };
  return { exec, done, present };
}
const LAN = Object.keys(networkInterfaces())[0] ?? '';
const own = networkInterfaces()[LAN]?.[0]?.address;

test('what is there stays, what is not wanted goes, and nothing is asked while there is nothing', async () => {
  const { exec, done, present } = machine(['192.0.2.1', '192.0.2.2']);
  const announcer = new Announcer({ exec, logger: silentLogger, family: 'IPv4', how: 'route' });
  const apply = async (wanted: string[]): Promise<void> => {
    await announcer.withdraw(wanted);
    await announcer.announce(wanted, undefined);
  };
  await apply(['192.0.2.2', '192.0.2.3']);
  expect(done.splice(0)).toEqual(['route del 192.0.2.1', 'route add 192.0.2.3']);
  present.route.delete('192.0.2.3');
  expect(await announcer.intact()).toBe(false);
  await apply([]);
  expect([...present.route]).toEqual([]);
  done.length = 0;
  await apply([]);
  expect([done, await announcer.intact()]).toEqual([[], true]);
});

test.each([
  ['of IPv6', 'IPv6', 'route', 'fd00::9'],
  ['where ARP looks at interfaces', 'IPv4', 'address', '192.0.2.9'],
] as const)('%s the interface of the LAN has the address', async (_, family, how, address) => {
  const { exec, done, present } = machine([]);
  const announcer = new Announcer({ exec, logger: silentLogger, family, how });
  await expect(announcer.announce([address], undefined)).rejects.toThrow('cannot be answered for');
  await announcer.announce([address], own);
  expect([[...present.route], [...present.addr]]).toEqual([[address], [address]]);
  await announcer.withdraw([]);
  await announcer.announce([], own);
  expect([[...present.route], [...present.addr]]).toEqual([[], []]);
  expect(done.at(-1)).toBe(`route del ${address}`);
});

test('what another mode had put on the interface goes', async () => {
  const { exec, present } = machine(['192.0.2.9'], ['192.0.2.9']);
  const announcer = new Announcer({ exec, logger: silentLogger, family: 'IPv4', how: 'route' });
  await announcer.announce(['192.0.2.9'], undefined);
  expect([[...present.route], [...present.addr]]).toEqual([['192.0.2.9'], []]);
});
