import { connect } from 'node:net';
import type { Container, Probe } from '#api/kinds/index.ts';
import type { Runtime } from '../runtime/types.ts';
import { grpcProbe } from './grpc.ts';
import { httpProbe } from './http.ts';

export interface ProbeResult {
  readonly ok: boolean;
  readonly message: string;
}

export interface ProbeTarget {
  readonly containerId: string;
  readonly podIp: string;
  readonly timeoutMs: number;
}

/** What probes and lifecycle hooks can do to a container. */
export type Handler = Pick<Probe, 'exec' | 'httpGet' | 'tcpSocket' | 'grpc'>;

const MAX_MESSAGE = 512;
/** Timers reach no further, milliseconds: a longer one would be over at once. */
const LONGEST_MS = 2 ** 31 - 1;

/** @throws Error for a name no port has */
function portOf(port: number | string, c: Container): number {
  const found =
    typeof port === 'number' ? port : (c.ports?.find((p) => p.name === port)?.containerPort ?? Number(port));
  if (Number.isInteger(found) && found > 0 && found < 65536) return found;
  throw new Error(`couldn't find port: "${port}" in container "${c.name}"`);
}

function tcpProbe(host: string, port: number, timeoutMs: number): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: timeoutMs });
    const end = (ok: boolean, message: string): void => {
      socket.destroy();
      resolve({ ok, message });
    };
    socket.on('connect', () => end(true, ''));
    socket.on('timeout', () => end(false, `dial tcp ${host}:${port}: i/o timeout`));
    socket.on('error', (e) => end(false, `dial tcp ${host}:${port}: ${dialError(e)}`));
  });
}

/** Words of the field for a connection that failed. */
export function dialError(e: NodeJS.ErrnoException): string {
  if (e.code === 'ECONNREFUSED') return 'connect: connection refused';
  return e.code === 'EHOSTUNREACH' ? 'connect: no route to host' : e.message;
}

/** Runs a probe or hook once. One that cannot be run has failed. */
export async function runProbe(
  probe: Handler,
  c: Container,
  { containerId, podIp, ...target }: ProbeTarget,
  runtime: Runtime,
): Promise<ProbeResult> {
  const timeoutMs = Math.min(target.timeoutMs, LONGEST_MS);
  try {
    if (probe.exec) {
      const { code, output } = await runtime.exec(containerId, probe.exec.command ?? [], timeoutMs);
      return { ok: code === 0, message: output.trim().slice(0, MAX_MESSAGE) };
    }
    if (probe.httpGet) {
      const { httpGet } = probe;
      return await httpProbe(httpGet, { host: httpGet.host || podIp, port: portOf(httpGet.port, c) }, timeoutMs);
    }
    if (probe.tcpSocket) {
      return await tcpProbe(probe.tcpSocket.host || podIp, portOf(probe.tcpSocket.port, c), timeoutMs);
    }
    if (probe.grpc) {
      return await grpcProbe({ host: podIp, port: probe.grpc.port, service: probe.grpc.service ?? '' }, timeoutMs);
    }
    return { ok: true, message: '' };
  } catch (e) {
    return { ok: false, message: (e as Error).message };
  }
}
