import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const EVERY_MS = 20;
/** Longer than taking away whatever killed runs have left. */
const PATIENCE_MS = 120_000;

/** How long another one is waited for. */
export interface Patience {
  readonly patienceMs?: number;
  /** Called once when there is another one. */
  readonly waiting?: () => void;
}

/**
 * Runs `work` while no other process of this machine runs work of the same name. The lock is a socket without a file: the
 * kernel gives its name to one process, and takes it back however that ends.
 * @throws Error when another process holds it for longer than the patience, two minutes.
 */
export async function exclusively<T>(
  name: string,
  work: () => T | Promise<T>,
  { patienceMs = PATIENCE_MS, waiting = () => {} }: Patience = {},
): Promise<T> {
  const until = Date.now() + patienceMs;
  let unlock = await lock(name);
  if (!unlock) waiting();
  for (; !unlock; unlock = await lock(name)) {
    if (Date.now() > until) throw new Error(`another process has held "${name}" for ${patienceMs / 1000} s`);
    await sleep(EVERY_MS);
  }
  try {
    return await work();
  } finally {
    await unlock();
  }
}

type Unlock = () => Promise<void>;

function lock(name: string): Promise<Unlock | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<Unlock | undefined>();
  const server = createServer();
  server.once('error', (e: NodeJS.ErrnoException) => (e.code === 'EADDRINUSE' ? resolve(undefined) : reject(e)));
  server.listen(`\0coxswain-${name}`, () => resolve(() => new Promise((closed) => server.close(() => closed()))));
  return promise;
}
