import { expect, test } from 'vitest';
import type { Exec } from '#process/exec.ts';
import { allowForwarding } from './forwarding.ts';

const RA = JSON.stringify([
  { dst: 'default', gateway: 'fe80::1', dev: 'eth0.7', protocol: 'ra' },
  { dst: 'fd00:1::/64', dev: 'eth0.7', protocol: 'ra' },
]);
function kernel(routes: string) {
  const set: string[] = [];
  const exec: Exec = async (command, args) => {
    if (command === 'sysctl' && args[0] === '-qw') set.push(args[1] ?? '');
    return { code: 0, stdout: command === 'ip' ? routes : '0\n', stderr: '' };
  };
  return { exec, set };
}

test.each<[string, 'IPv4' | 'IPv6', string, string[]]>([
  ['IPv4', 'IPv4', RA, ['net.ipv4.ip_forward=1', 'net.bridge.bridge-nf-call-iptables=1']],
  ['IPv6', 'IPv6', '', ['net.ipv6.conf.all.forwarding=1', 'net.bridge.bridge-nf-call-ip6tables=1']],
  [
    'IPv6 where a router is listened to: first that this goes on',
    'IPv6',
    RA,
    ['net/ipv6/conf/eth0.7/accept_ra=2', 'net.ipv6.conf.all.forwarding=1', 'net.bridge.bridge-nf-call-ip6tables=1'],
  ],
])('%s', async (_, family, routes, wanted) => {
  const { exec, set } = kernel(routes);
  expect(await allowForwarding(exec, family)).toEqual([]);
  expect(set).toEqual(wanted);
});

test('what cannot be set is told', async () => {
  const exec: Exec = async () => ({ code: 1, stdout: '', stderr: 'read-only' });
  expect(await allowForwarding(exec, 'IPv6')).toEqual([
    'net.ipv6.conf.all.forwarding is not 1: read-only',
    'net.bridge.bridge-nf-call-ip6tables is not 1: read-only',
  ]);
});
