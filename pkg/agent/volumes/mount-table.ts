import { readFile } from 'node:fs/promises';

/** Mount points in a mountinfo table (proc(5)), in the order they were made. Octal escapes stand for blanks in paths. */
export const mountPoints = (mountinfo: string): string[] =>
  mountinfo
    .split('\n')
    .filter(Boolean)
    .map((line) =>
      (line.split(' ')[4] ?? '').replace(/\\(\d{3})/g, (_, n: string) => String.fromCharCode(Number.parseInt(n, 8))),
    );

const present = async (): Promise<string[]> => mountPoints(await readFile('/proc/self/mountinfo', 'utf8'));

export const isMounted = async (path: string): Promise<boolean> => (await present()).includes(path);

/** Mount points below a directory, those made last first. */
export const mountsBelow = async (dir: string): Promise<string[]> =>
  (await present()).filter((p) => p.startsWith(`${dir}/`)).reverse();
