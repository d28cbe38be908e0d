import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import type { Exec } from '#process/exec.ts';
import { silentLogger } from '#process/logger.ts';
import { Announcer, interfaceOf, parseLocalRoutes, parsePlaces } from './announcer.ts';

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

test('where addresses are, as ip tells it', () => {
  const refused = '{"family":"inet6","local":"fd00::2","prefixlen":128,"dadfailed":true,"tentative":true}';
  const links = `{"ifname":"eth0","addr_info":[{"local":"fd00::1"},${refused},{}]},{"ifname":"cox-ipvs6","addr_info":[{"local":"fd00::3"}]}`;
  expect([...parsePlaces(`[{},${links}]`)]).toEqual([
    ['fd00::1', { link: 'eth0', refused: false }],
    ['fd00::2', { link: 'eth0', refused: true }],
  ]);
});

/** A machine's addresses and routes of ours, changed as `ip` is told. @param readOnly parameters of the kernel, by their last name */
function machine(routes: string[], addresses: string[] = [], readOnly: string[] = []) {
  const present = { route: new Set(routes), addr: new Set(addresses) };
  const refused = new Set<string>();
  const parameters = new Map([
    ['ndisc_notify', '0'],
    ['accept_dad', '1'],
  ]);
  /** So many looks the kernel needs before it uses a new address. */
  let tentative = 0;
  const done: string[] = [];
  const sysctl = (word: string) => {
    const [key = '', value] = (word.split('.').at(-1) ?? '').split('=');
    if (value === undefined) return { code: 0, stdout: `${parameters.get(key)}\n`, stderr: '' };
    if (readOnly.includes(key)) return { code: 255, stdout: '', stderr: 'read-only' };
    parameters.set(key, value);
    done.push(`${key} ${value}`);
    return { code: 0, stdout: '', stderr: '' };
  };
  const shown = () => {
    const info = [...present.addr].map((local) => ({ local, dadfailed: refused.has(local) }));
    return [{}, { ifname: LAN, addr_info: info }];
  };
  const exec: Exec = async (command, [, ...args]) => {
    const answer = (found: unknown) => ({ code: 0, stdout: JSON.stringify(found), stderr: '' });
    if (command === 'sysctl') return sysctl(args[0] ?? '');
    if (args.includes('tentative')) {
      done.push('look');
      return answer(tentative-- > 0 ? shown() : []);
    }
    if (args.includes('-j')) {
      if (args[1] === 'route') return answer([...present.route].map((dst) => ({ dst })));
      return answer(shown());
    }
    const [kind, verb] = args as ['route' | 'addr', string];
    const address = args.find((a) => /[.:]/.test(a))?.split('/')[0] ?? '';
    if (verb === 'add') present[kind].add(address);
    if (verb === 'del') present[kind].delete(address);
    done.push(`${kind} ${verb} ${address}${args.includes('nodad') ? ' nodad' : ''}`);
    return answer([]);
  };
  const slow = (looks: number): void => {
    tentative = looks;
  };
  return { exec, done, present, refused, parameters, slow };
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

test('an address that the interface of the LAN has lost is put back, and what is there is left alone', async () => {
  const { exec, done, present } = machine([]);
  const announcer = new Announcer({ exec, logger: silentLogger, family: 'IPv6', how: 'route' });
  await announcer.announce(['fd00::8', 'fd00::9'], own);
  expect(await announcer.intact()).toBe(true);
  present.addr.delete('fd00::9');
  done.length = 0;
  expect(await announcer.intact()).toBe(false);
  await announcer.announce(['fd00::8', 'fd00::9'], own);
  expect(done).toEqual(['accept_dad -1', 'addr add fd00::9', 'look', 'accept_dad 1']);
  expect(await announcer.intact()).toBe(true);
});

test('the kernel tells of addresses of IPv6 at once, asking nobody; as soon as it uses them the interface is as it was', async () => {
  const { exec, done, slow } = machine([]);
  const announcer = new Announcer({ exec, logger: silentLogger, family: 'IPv6', how: 'route' });
  slow(2);
  await announcer.announce(['fd00::8', 'fd00::9'], own);
  const added = ['addr add fd00::8', 'addr add fd00::9'];
  expect(done.slice(2)).toEqual(['ndisc_notify 1', 'accept_dad -1', ...added, 'look', 'look', 'look', 'accept_dad 1']);
});

test.each([
  ['-1', '1'],
  ['-2', '2'],
  ['0', '0'],
  ['2', '2'],
])('an interface that was told not to ask when the proxy was killed (%s) asks again (%s)', async (found, wanted) => {
  const { exec, done, parameters } = machine([]);
  parameters.set('accept_dad', found);
  const announcer = new Announcer({ exec, logger: silentLogger, family: 'IPv6', how: 'route' });
  await announcer.announce([], own);
  expect(parameters.get('accept_dad')).toBe(wanted);
  done.length = 0;
  await announcer.announce(['fd00::9'], own);
  const around = wanted === '0' ? [[], []] : [[`accept_dad -${wanted}`], [`accept_dad ${wanted}`]];
  expect(done.slice(2)).toEqual([...(around[0] ?? []), 'addr add fd00::9', 'look', ...(around[1] ?? [])]);
});

test('an address that the interface cannot have leaves it as it was', async () => {
  const { exec, parameters } = machine([]);
  const failing: Exec = (command, args, o) => {
    const result = { code: 2, stdout: '', stderr: 'no buffer space' };
    return args.includes('addr') && args.includes('add') ? Promise.resolve(result) : exec(command, args, o);
  };
  const announcer = new Announcer({ exec: failing, logger: silentLogger, family: 'IPv6', how: 'route' });
  await expect(announcer.announce(['fd00::9'], own)).rejects.toThrow('ip addr add fd00::9: no buffer space');
  expect(parameters.get('accept_dad')).toBe('1');
});

test('where the kernel has to ask for an address, one that somebody else has is taken from him', async () => {
  const { exec, done, refused } = machine([], [], ['accept_dad']);
  const announcer = new Announcer({ exec, logger: silentLogger, family: 'IPv6', how: 'route' });
  await announcer.announce(['fd00::9'], own);
  expect(done.splice(0)).toEqual(['route add fd00::9', 'ndisc_notify 1', 'addr add fd00::9']);
  refused.add('fd00::9');
  expect(await announcer.intact()).toBe(false);
  await announcer.announce(['fd00::9'], own);
  expect(done).toEqual(['addr del fd00::9', 'addr add fd00::9 nodad']);
});

test('where the kernel cannot be told to tell of addresses, they are there at once', async () => {
  const { exec, done } = machine([], [], ['ndisc_notify']);
  const announcer = new Announcer({ exec, logger: silentLogger, family: 'IPv6', how: 'route' });
  await announcer.announce(['fd00::9'], own);
  expect(done).toEqual(['route add fd00::9', 'addr add fd00::9 nodad']);
});
