import { expect, test } from 'vitest';
import { podRules } from './rules.ts';

test.each([
  ['IPv4', '10.244.1.0/24', '10.244.0.0/16', ['-d 224.0.0.0/4 -j RETURN']],
  ['IPv6', 'fd00:244:0:1::/64', 'fd00:244::/56', ['-d ff00::/8 -j RETURN', '-d fe80::/10 -j RETURN']],
] as const)('%s: only what leaves the cluster is masqueraded', (family, cidr, cluster, near) => {
  expect(podRules(family, cidr, cluster).split('\n')).toEqual([
    ...['*filter', ':COXNET-FORWARD - [0:0]', `-A COXNET-FORWARD -d ${cluster} -j ACCEPT`],
    `-A COXNET-FORWARD -s ${cluster} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
    ...(family === 'IPv6' ? [135, 136] : []).map(
      (t) => `-A COXNET-FORWARD -i cox0 -o cox0 -p ipv6-icmp -m icmp6 --icmpv6-type ${t} -j ACCEPT`,
    ),
    ...['COMMIT', '*nat', ':COXNET-MASQ - [0:0]', `-A COXNET-MASQ -d ${cluster} -j RETURN`],
    ...near.map((rule) => `-A COXNET-MASQ ${rule}`),
    `-A COXNET-MASQ -s ${cidr} -j MASQUERADE --random-fully`,
    ...['COMMIT', ''],
  ]);
});
