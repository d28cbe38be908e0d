import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { owner, ownerLives } from './owner.ts';

/**
 * Ports that some run of the tests means to use. One file a port, with its owner; making it is atomic, so two runs never
 * get the same.
 */
const REGISTER = '/run/coxswain/ports';
/** Below the ports of nodes and those the kernel gives to connections that go out. */
const FIRST = 12_000;
const LAST = 29_999;
/** A file is made, then its owner is written: one without owner is young, or left by a run that was killed in between. */
const YOUNG_MS = 60_000;

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

/** Workers of tests are killed when they are done: most ports are never given back. */
function forgetStale(): void {
  mkdirSync(REGISTER, { recursive: true });
  for (const name of readdirSync(REGISTER)) {
    const file = join(REGISTER, name);
    if (ownerLives(file)) continue;
    const made = statSync(file, { throwIfNoEntry: false });
    if (made && (made.size > 0 || Date.now() - made.mtimeMs > YOUNG_MS)) rmSync(file, { force: true });
  }
}

function take(port: number): boolean {
  try {
    writeFileSync(join(REGISTER, String(port)), owner(), { flag: 'wx' });
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
