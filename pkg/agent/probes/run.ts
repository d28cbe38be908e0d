import { request as http } from 'node:http';
import { request as https } from 'node:https';
import { connect } from 'node:net';
import type { Container, Probe } from '#api/kinds/index.ts';
import type { Runtime } from '../runtime/types.ts';

export interface ProbeResult {
  readonly ok: boolean;
  readonly message: string;
}

export interface ProbeTarget {
  readonly containerId: string;
  readonly podIp: string;
}

const portOf = (port: number | string, c: Container): number =>
  typeof port === 'number' ? port : (c.ports?.find((p) => p.name === port)?.containerPort ?? Number(port));

function httpProbe(
  action: NonNullable<Probe['httpGet']>,
  host: string,
  port: number,
  timeoutMs: number,
): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const secure = action.scheme === 'HTTPS';
    const headers = Object.fromEntries((action.httpHeaders ?? []).map((h) => [h.name, h.value]));
    const request = (secure ? https : http)({
      host: action.host || host,
      port,
      path: action.path ?? '/',
      headers: { 'user-agent': 'kube-probe/1.33', accept: '*/*', connection: 'close', ...headers },
      timeout: timeoutMs,
      agent: false,
      ...(secure ? { rejectUnauthorized: false } : {}),
    });
    const timer = AbortSignal.timeout(timeoutMs);
    timer.addEventListener('abort', () => request.destroy(new Error('timed out')), { once: true });
    request.on('response', (r) => {
      r.resume();
      const status = r.statusCode ?? 0;
      const ok = status >= 200 && status < 400;
      resolve({ ok, message: ok ? '' : `HTTP probe failed with statuscode: ${status}` });
    });
    request.on('error', (e) =>
      resolve({
        ok: false,
        message: `Get "${secure ? 'https' : 'http'}://${action.host || host}:${port}${action.path ?? '/'}": ${e.message}`,
      }),
    );
    request.end();
  });
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
    socket.on('error', (e) => end(false, `dial tcp ${host}:${port}: ${e.message}`));
  });
}

/** Runs a probe once. A probe that cannot be run has failed. */
export async function runProbe(
  probe: Probe,
  c: Container,
  target: ProbeTarget,
  runtime: Runtime,
): Promise<ProbeResult> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
  try {
    if (probe.exec) {
      const { code, output } = await runtime.exec(target.containerId, probe.exec.command ?? [], timeoutMs);
      return { ok: code === 0, message: output.trim().slice(0, 512) };
    }
    if (probe.httpGet) return await httpProbe(probe.httpGet, target.podIp, portOf(probe.httpGet.port, c), timeoutMs);
    if (probe.tcpSocket)
      return await tcpProbe(probe.tcpSocket.host || target.podIp, portOf(probe.tcpSocket.port, c), timeoutMs);
    if (probe.grpc) return await tcpProbe(target.podIp, probe.grpc.port, timeoutMs);
    return { ok: true, message: '' };
  } catch (e) {
    return { ok: false, message: (e as Error).message };
  }
}
