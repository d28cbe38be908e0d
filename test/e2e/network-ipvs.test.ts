import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { run } from '../../deploy/run.ts';
import { type GuestKernel, guestKernel } from '../bed/guest/kernel.ts';
import { checksInGuest, SlowGuest } from '../bed/guest/run.ts';
import { repository } from '../bed/layout.ts';

const TEST_MS = 1_200_000;
const CHECKS = 26;
const MODULES = [
  ...['ip_vs', 'ip_vs_rr', 'ip_vs_sh', 'veth', 'bridge', 'br_netfilter', 'dummy'],
  ...['ip_tables', 'iptable_nat', 'iptable_filter', 'nf_tables', 'nft_compat', 'nft_chain_nat', 'nf_conntrack_netlink'],
  ...['ip_set', 'ip_set_hash_ip', 'ip_set_hash_ipport', 'ip_set_hash_ipportip', 'ip_set_hash_ipportnet'],
  ...['ip_set_bitmap_port', 'xt_MASQUERADE', 'xt_REDIRECT', 'xt_nat', 'xt_ipvs', 'xt_set', 'xt_comment', 'xt_mark'],
  ...[
    'xt_conntrack',
    'xt_addrtype',
    'xt_tcpudp',
    'xt_statistic',
    'xt_recent',
    'ipt_REJECT',
    'ip6t_REJECT',
    'xt_multiport',
  ],
  ...['sctp', 'xt_sctp', 'nft_nat', 'nft_masq', 'nft_ct', 'nft_fib_ipv4', 'nft_numgen', 'nft_reject_ipv4'],
];
/** Debian's kernel speaks SCTP, which that of the tests' machines does not. */
const ASSOCIATION = join(repository, 'test/e2e/ipvs/association.c');

test(
  'the ipvs mode, with real traffic under a kernel that has IPVS',
  async ({ skip }) => {
    let kernel: GuestKernel;
    try {
      kernel = await guestKernel();
    } catch (e) {
      return skip(`the ipvs mode is not tested: no kernel with IPVS to be had: ${(e as Error).message}`);
    }
    // The guest's root directory is this machine's, but for what is mounted there.
    const folder = mkdtempSync('/var/tmp/coxswain-guest-');
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const association = join(folder, 'association');
    await run('gcc', ['-static', '-Os', '-s', '-o', association, ASSOCIATION]);
    const program = { entry: 'test/e2e/ipvs/guest.ts', modules: MODULES, env: { ASSOCIATION: association } };
    const results = await checksInGuest(kernel, program).catch((e: unknown) => {
      if (e instanceof SlowGuest) return skip(`the ipvs mode is not tested: this machine is too slow: ${e.message}`);
      throw e;
    });
    const { seen, wanted, log } = results;
    expect(seen, log).toEqual(wanted);
    expect(Object.keys(seen)).toHaveLength(CHECKS);
  },
  TEST_MS,
);
