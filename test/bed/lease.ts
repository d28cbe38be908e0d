import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Who uses which bed. One folder a bed; making it is atomic, so two runs never get the same. */
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
export async function takeBed(clean: (number: number) => Promise<void>, wanted?: number): Promise<BedLease> {
  mkdirSync(REGISTER, { recursive: true });
  for (const entry of readdirSync(REGISTER)) {
    if (ownerLives(entry)) continue;
    await clean(Number(entry));
    rmSync(join(REGISTER, entry), { recursive: true, force: true });
  }
  const numbers = wanted === undefined ? Array.from({ length: MAX_BEDS }, (_, i) => i + 1) : [wanted];
  for (const number of numbers) {
    const folder = join(REGISTER, String(number));
    try {
      mkdirSync(folder);
    } catch (e) {
      if ((e as NodeJS.ErrnoException).code === 'EEXIST') continue;
      throw e;
    }
    writeFileSync(join(folder, 'owner'), owner(process.pid));
    return { number, release: () => rmSync(folder, { recursive: true, force: true }) };
  }
  throw new Error(wanted === undefined ? 'every bed is taken' : `bed ${wanted} is in use by another run`);
}

/** A process number can be used again; together with its start time it cannot. */
function owner(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  return `${pid} ${started}`;
}

function ownerLives(entry: string): boolean {
  const file = join(REGISTER, entry, 'owner');
  if (!existsSync(file)) return false;
  const recorded = readFileSync(file, 'utf8');
  try {
    return owner(Number(recorded.split(' ')[0])) === recorded;
  } catch {
    return false;
  }
}
