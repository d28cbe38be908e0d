import type { Duplex } from 'node:stream';
import type { ContainerStreams, PodTarget } from '../backend.ts';
import { messageOf } from '../command/status.ts';

/** Where a port-forward session leads. */
export interface ForwardTarget {
  readonly streams: ContainerStreams;
  readonly pod: PodTarget;
}

/** A TCP port, or null. */
export function parsePort(text: string | undefined): number | null {
  const port = Number(text);
  return text && /^\d+$/.test(text) && port >= 1 && port <= 0xffff ? port : null;
}

/** Dials the port. The string is what to tell the client when that failed. */
export async function dial(target: ForwardTarget, port: number, signal: AbortSignal): Promise<Duplex | string> {
  try {
    const connection = await target.streams.portForward(target.pod, port, signal);
    connection.on('error', () => {});
    if (signal.aborted) connection.destroy();
    return connection;
  } catch (error) {
    const { pod, uid } = target.pod;
    return `error forwarding port ${port} to pod ${pod}, uid ${uid ?? ''}: ${messageOf(error)}`;
  }
}
