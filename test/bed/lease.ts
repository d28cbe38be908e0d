import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exclusively } from './lock.ts';
import { owner, ownerLives } from './owner.ts';

/** Who uses which bed: a file for each, with its owner. */
const REGISTER = '/run/coxswain/beds';
const MAX_BEDS = 200;

export interface BedLease {
  /** 1 to 200: part of addresses and interface names. */
  readonly number: number;
  release(): void;
}

/**
 * Takes a free bed number. Beds whose owner has died are cleaned by `clean` first, whatever way their owner ended.
 * @param wanted a fixed number; taken over from a dead owner, an error while its owner lives.
 */
export function takeBed(clean: (number: number) => Promise<void>, wanted?: number): Promise<BedLease> {
  // One at a time: a bed that is just being taken looks like one whose owner has died.
  return exclusively('beds', async () => {
    mkdirSync(REGISTER, { recursive: true });
    for (const entry of readdirSync(REGISTER)) {
      if (ownerLives(join(REGISTER, entry))) continue;
      await clean(Number(entry));
      rmSync(join(REGISTER, entry), { recursive: true, force: true });
    }
    const numbers = wanted === undefined ? Array.from({ length: MAX_BEDS }, (_, i) => i + 1) : [wanted];
    const free = numbers.find((number) => !existsSync(join(REGISTER, String(number))));
    if (free === undefined)
      throw new Error(wanted === undefined ? 'every bed is taken' : `bed ${wanted} is in use by another run`);
    const file = join(REGISTER, String(free));
    writeFileSync(file, owner());
    return { number: free, release: () => rmSync(file, { force: true }) };
  });
}
