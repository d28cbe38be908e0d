import type { IpFamily } from '#api/meta/ip.ts';
import type { NftChain, NftContent, NftSet } from '#process/nftables.ts';
import { LOOPBACK } from '../../addresses.ts';
import { type Fragment, frontend, MAPS, MARK, NODE_PORT, picks, WORDS } from './fragment.ts';

const nat = (hook: string, priority: number, ...rules: string[]): NftChain => ({
  hook: `type nat hook ${hook} priority ${priority};`,
  rules,
});
const filter = (hook: string, ...rules: string[]): NftChain => ({
  hook: `type filter hook ${hook} priority -10;`,
  rules,
});

function base(family: IpFamily): ReadonlyMap<string, NftChain> {
  const { ip } = WORDS[family];
  const at = frontend(family);
  // Without route_localnet, which IPv6 does not have, what comes from the loopback address never leaves the node.
  const here = family === 'IPv6' ? `${ip} daddr != ${LOOPBACK.IPv6} ` : '';
  const nodePort = `${here}fib daddr type local ${NODE_PORT}`;
  // route_localnet, which node ports on 127.0.0.1 need, must not open loopback services to the network.
  const intruders = `ip saddr != ${LOOPBACK.IPv4} ip daddr ${LOOPBACK.IPv4} ct state != { established, related } ct status & dnat == 0 drop`;
  const refusals = [`ct state new ${at} vmap @refused`, `ct state new ${nodePort} vmap @refused-node-ports`];
  return new Map<string, NftChain>([
    ['dispatch', { rules: [`${at} vmap @services`, `${nodePort} vmap @node-ports`] }],
    ['refuse', { rules: ['reject'] }],
    ['nat-prerouting', nat('prerouting', -100, 'jump dispatch')],
    ['nat-output', nat('output', -100, 'jump dispatch')],
    [
      'nat-postrouting',
      nat(
        'postrouting',
        100,
        // Taken off again, so that a packet passing twice is not masqueraded twice.
        `meta mark and ${MARK} != 0 meta mark set meta mark xor ${MARK} masquerade fully-random`,
        `${ip} saddr . ${ip} daddr @hairpin masquerade fully-random`,
      ),
    ],
    ['filter-input', filter('input', ...(family === 'IPv4' ? [intruders] : []), ...refusals)],
    ['filter-forward', filter('forward', 'ct state invalid drop', ...refusals)],
    ['filter-output', filter('output', ...refusals)],
  ]);
}

const BASE = { IPv4: base('IPv4'), IPv6: base('IPv6') } as const;

/**
 * Pure: the whole content of the table of a family. Of services that want the same frontend the last one has it.
 * @param most endpoints of a service that there are chains for.
 */
export function renderNft(fragments: Iterable<Fragment>, family: IpFamily, most: number): NftContent {
  const declarations = MAPS[family];
  const maps = new Map(Object.keys(declarations).map((name) => [name, new Map<string, string>()]));
  const sets = new Map<string, NftSet>();
  const chains = new Map<string, NftChain>([...BASE[family], ...picks(family, most)]);
  for (const [name, elements] of maps) sets.set(name, { declaration: declarations[name] ?? '', elements });
  for (const f of fragments) {
    for (const [map, key, value] of f.elements) maps.get(map)?.set(key, value);
    for (const [name, set] of f.sets) sets.set(name, set);
    for (const [name, rules] of f.chains) if (!chains.has(name)) chains.set(name, { rules });
  }
  return { sets, chains };
}
