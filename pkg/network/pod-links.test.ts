import { expect, test } from 'vitest';
import { parseNetwork } from '#api/meta/ip.ts';
import { nodeLines, PodLinks, podLines } from './pod-links.ts';

const sandbox = { id: '0123456789abcdef0123', pid: 7, addresses: ['10.244.1.2'] };

/** A machine on which commands that begin so fail, and others print this. */
function links(
  o: { fail?: (command: string, nth: number) => boolean; print?: string; cidrs?: readonly string[] } = {},
) {
  const ran: string[] = [];
  const made = new PodLinks(async (command, args, options) => {
    const line = [command, ...args].join(' ');
    const first = String(options?.input ?? '').split('\n')[0];
    ran.push(first ? `${line}: ${first}` : line);
    const code = o.fail?.(ran.at(-1) ?? '', ran.length) ? 1 : 0;
    return { code, stdout: o.print ?? '', stderr: 'RTNETLINK answers: File exists' };
  });
  if (o.cidrs?.length !== 0) made.use(o.cidrs ?? ['10.244.1.0/24'], undefined);
  return { links: made, ran };
}

test('a sandbox is linked to the bridge by one batch on the node and one in the pod', async () => {
  expect(nodeLines(sandbox, 1450)).toEqual([
    'link add veth0123456789a mtu 1450 type veth peer name eth0 mtu 1450 address 02:42:0a:f4:01:02 netns 7',
    'link set dev veth0123456789a master cox0 up',
    'link set dev veth0123456789a type bridge_slave hairpin on',
  ]);
  const subnets = ['10.244.1.0/24', 'fd00:10:244:1::/64'].map(parseNetwork);
  expect(podLines(['10.244.1.2', 'fd00:10:244:1::2'], subnets)).toEqual([
    'addr add 10.244.1.2/24 dev eth0',
    'addr add fd00:10:244:1::2/64 dev eth0 nodad',
    'link set dev eth0 up',
    'route add default via 10.244.1.1 dev eth0',
    'route add default via fd00:10:244:1::1 dev eth0',
  ]);
  const { links: made, ran } = links();
  await made.attach('u', sandbox);
  expect(ran).toEqual([
    'ip -batch -: link add veth0123456789a type veth peer name eth0 address 02:42:0a:f4:01:02 netns 7',
    'nsenter -t 7 -n ip -batch -: addr add 10.244.1.2/24 dev eth0',
  ]);
});

test('an agent that starts anew finds a sandbox linked, and finishes what another began', async () => {
  const there = links({ fail: (c) => c.includes('link add'), print: '2: eth0@if3: <BROADCAST,UP>' });
  await there.links.attach('u', sandbox);
  expect(there.ran.slice(1)).toEqual([
    'nsenter -t 7 -n ip -o link show up dev eth0',
    'ip -batch -: link set dev veth0123456789a master cox0 up',
  ]);
  const half = links({ fail: (c, nth) => nth === 1 && c.includes('link add') });
  await half.links.attach('u', sandbox);
  expect(half.ran.slice(2)).toEqual([
    'ip link del dev veth0123456789a',
    'ip -batch -: link add veth0123456789a type veth peer name eth0 address 02:42:0a:f4:01:02 netns 7',
    'nsenter -t 7 -n ip -batch -: addr add 10.244.1.2/24 dev eth0',
  ]);
  // Before the node has its subnet a finished one is known all the same.
  const early = links({ cidrs: [], print: '2: eth0@if3: <BROADCAST,UP>' });
  await early.links.attach('u', sandbox);
  expect(early.ran).toHaveLength(2);
  await expect(links({ cidrs: [] }).links.attach('u', sandbox)).rejects.toThrow('no pod CIDR');
});

test('what ip refuses is told', async () => {
  const { links: made } = links({ fail: (c) => c.includes('link add') });
  await expect(made.attach('u', sandbox)).rejects.toThrow('File exists');
});

test('addresses are given once, again as late as possible, and never those of others', () => {
  const { links: made } = links({ cidrs: ['10.244.1.0/29', 'fd00:10:244:1::/64'] });
  made.note('old', ['10.244.1.3']);
  expect(made.take('a', [])).toEqual(['10.244.1.2', 'fd00:10:244:1::2']);
  expect(made.take('b', [])).toEqual(['10.244.1.4', 'fd00:10:244:1::4']);
  // A new sandbox of the same pod.
  expect(made.take('b', [])[0]).toBe('10.244.1.5');
  made.free('a');
  expect(['c', 'd', 'e'].map((uid) => made.take(uid, [])[0])).toEqual(['10.244.1.6', '10.244.1.2', '10.244.1.4']);
  expect(() => made.take('f', [])).toThrow('no address is left');
  made.free('old');
  expect(() => made.take('f', ['10.244.1.3'])).toThrow('no address is left');
  expect(made.take('f', [])[0]).toBe('10.244.1.3');
});

test('links are put to a bridge that was made anew', async () => {
  const { links: made, ran } = links();
  await made.attach('u', sandbox);
  await made.attach('gone', { ...sandbox, id: 'ffffffffffffffff' });
  made.free('gone');
  expect(made.any).toBe(true);
  ran.length = 0;
  await made.rejoin();
  expect(ran).toEqual(['ip -batch -: link set dev veth0123456789a master cox0 up']);
});

test('pods without an address of IPv6 have nothing of it', () => {
  const { links: made } = links();
  expect(Object.keys(made.sysctls(['10.244.1.2', 'fd00::2']))).toEqual([]);
  expect(['', 'net.ipv6.conf.all.disable_ipv6']).toContain(Object.keys(made.sysctls(['10.244.1.2'])).join());
});
