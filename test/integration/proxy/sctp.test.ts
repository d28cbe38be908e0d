import { expect, onTestFinished, test } from 'vitest';
import { silentLogger } from '#process/logger.ts';
import { IptablesBackend } from '#proxy/backends/iptables/backend.ts';
import { NftablesBackend } from '#proxy/backends/nftables/backend.ts';
import { waitFor } from '../../bed/wait.ts';
import { OwnNetwork } from './own-network.ts';
import { runProxy } from './rules.ts';

/** Kernels that do not speak SCTP themselves, as those of the tests' machines, lead it on nevertheless. */
test.each([
  ['iptables', 'legacy', 'iptables-save', '-p sctp -m sctp -j DNAT --to-destination 10.244.1.1:8080'],
  ['iptables', 'nft', 'iptables-save', '-p sctp -m sctp -j DNAT --to-destination 10.244.1.1:8080'],
  ['nftables', 'nft', 'nft list table ip coxswain-proxy', '10.96.1.1 . sctp . 80 : goto'],
] as const)('rules for SCTP are taken by this kernel: %s (%s)', async (mode, kind, list, rule) => {
  const network = await OwnNetwork.create(kind);
  onTestFinished(() => network.end());
  const options = { exec: network.exec, logger: silentLogger, family: 'IPv4', clusterCidr: '10.244.0.0/16' } as const;
  const backend = mode === 'iptables' ? new IptablesBackend(options) : new NftablesBackend(options);
  const proxy = runProxy(backend, network.exec);
  onTestFinished(() => proxy.end());
  proxy.add({ name: 'a', clusterIP: '10.96.1.1', protocol: 'SCTP', nodePort: 30_001, endpoints: ['10.244.1.1'] });
  proxy.add({ name: 'b', clusterIP: '10.96.1.2', protocol: 'SCTP', endpoints: [] });
  proxy.add({ name: 'c', clusterIP: '10.96.1.3', endpoints: ['10.244.1.2', '10.244.1.3'] });
  await waitFor('an end', () => proxy.proxier.lastSync > 0 || proxy.complaints.length > 0);
  const rules = await network.sh(list);
  expect(proxy.complaints).toEqual([]);
  for (const text of [rule, '10.96.1.2', '10.96.1.3', '30001']) expect(rules).toContain(text);
});
