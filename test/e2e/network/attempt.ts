import { connect } from 'node:net';

/** How long an answer is waited for, milliseconds: somebody who is there gives it at once. */
const PATIENCE_MS = 2000;

/** Asks for a connection, from a port of this machine, or any. @returns that port, and whether there was an answer in time */
export function attempt(host: string, port: number, localPort = 0): Promise<{ from: number; answered: boolean }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ from: number; answered: boolean }>();
  const socket = connect({ host, port, localPort });
  // The kernel has chosen the port by then.
  const late = setTimeout(() => resolve({ from: socket.localPort ?? localPort, answered: false }), PATIENCE_MS);
  socket.on('connect', () => resolve({ from: socket.localPort ?? localPort, answered: true }));
  socket.on('error', reject);
  return promise.finally(() => {
    clearTimeout(late);
    socket.destroy();
  });
}

/** Whether somebody drops what comes, rather than answering or refusing it. */
export const isSilent = (host: string, port: number): Promise<boolean> =>
  attempt(host, port).then(
    ({ answered }) => !answered,
    () => false,
  );

/** Above those that the kernel gives to connections: nobody else's connection has it meanwhile. */
const FIRST_PORT = 61_000;

/** A port of this machine from which a connection was asked for in vain; undefined: all of many were answered. */
export async function unanswered(host: string, port: number): Promise<number | undefined> {
  for (let n = 0; n < 100; n++) {
    const { from, answered } = await attempt(host, port, FIRST_PORT + n).catch(() => ({ from: 0, answered: true }));
    if (!answered) return from;
  }
  return undefined;
}
