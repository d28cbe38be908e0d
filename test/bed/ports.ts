import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

/** Ports that some run of the tests means to use. One file a port; making it is atomic, so two runs never get the same. */
const REGISTER = '/run/coxswain/ports';
/** Below the ports of nodes and those the kernel gives to connections that go out. */
const FIRST = 12_000;
const LAST = 29_999;
/** What a run that was killed left is forgotten then, milliseconds. */
const STALE_MS = 24 * 3600_000;

const mine = new Set<number>();
process.once('exit', () => {
  for (const port of mine) rmSync(join(REGISTER, String(port)), { force: true });
});

/** Ports nothing listens on and no other run was given, all different. */
export async function freePorts(count: number): Promise<number[]> {
  if (mine.size === 0) forgetStale();
  const found: number[] = [];
  let port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
  for (let tried = 0; found.length < count; tried++) {
    if (tried > LAST - FIRST) throw new Error(`no free ports; those in ${REGISTER} are given away`);
    port = port < LAST ? port + 1 : FIRST;
    if (take(port) && (await isFree(port))) found.push(port);
  }
  return found;
}

function forgetStale(): void {
  mkdirSync(REGISTER, { recursive: true });
  for (const name of readdirSync(REGISTER)) {
    const file = join(REGISTER, name);
    const made = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
    if (made !== undefined && Date.now() - made > STALE_MS) rmSync(file, { force: true });
  }
}

function take(port: number): boolean {
  try {
    writeFileSync(join(REGISTER, String(port)), '', { flag: 'wx' });
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw e;
  }
  mine.add(port);
  return true;
}

function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once('error', () => resolve(false));
  server.listen(port, () => server.close(() => resolve(true)));
  return promise;
}
