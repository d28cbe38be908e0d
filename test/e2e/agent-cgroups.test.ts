import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { workloadImages } from '../../deploy/images/workloads.ts';
import { type GuestKernel, guestKernel } from '../bed/guest/kernel.ts';
import { checksInGuest, SlowGuest } from '../bed/guest/run.ts';

/** Packages are fetched twice at most, then the guest has its time. */
const TEST_MS = 1_260_000;
const CHECKS = 6;

test(
  'cgroups of version 2, ours and those of systemd, with a real dockerd',
  async ({ skip }) => {
    let kernel: GuestKernel;
    try {
      if (!existsSync('/usr/lib/systemd/systemd')) throw new Error('there is no systemd');
      kernel = await guestKernel();
    } catch (e) {
      return skip(`cgroups of version 2 are not tested: ${(e as Error).message}`);
    }
    const { path } = await workloadImages();
    const program = { entry: 'test/e2e/cgroups/guest.ts', modules: [], systemd: true, env: { IMAGES: path } };
    const results = await checksInGuest(kernel, program).catch((e: unknown) => {
      if (e instanceof SlowGuest)
        return skip(`cgroups of version 2 are not tested: this machine is too slow: ${e.message}`);
      throw e;
    });
    const { seen, wanted, log } = results;
    expect(seen, log).toEqual(wanted);
    expect(Object.keys(seen)).toHaveLength(CHECKS);
  },
  TEST_MS,
);
