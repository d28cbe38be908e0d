import { readFileSync } from 'node:fs';

/** @returns what tells a process from every other: its number can be used again, together with its start time it cannot. */
export function owner(pid: number = process.pid): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  return `${pid} ${started}`;
}

/** @param file what `owner` returned once is written there. @returns whether it still runs; false without a file */
export function ownerLives(file: string): boolean {
  try {
    const record = readFileSync(file, 'utf8');
    return owner(Number(record.split(' ')[0])) === record;
  } catch {
    return false;
  }
}
