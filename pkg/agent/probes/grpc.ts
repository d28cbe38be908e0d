import { connect } from 'node:http2';
import { hostPort } from '#api/meta/ip.ts';
import { grpcCall } from '#grpc/client.ts';
import { GRPC } from '#grpc/frames.ts';
import type { GrpcStatus } from '#grpc/status.ts';
import { dialError, type ProbeResult } from './run.ts';

const CHECK = '/grpc.health.v1.Health/Check';
/** HealthCheckResponse.ServingStatus */
const STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];
const SERVING = 1;
/** A health answer has three bytes; whatever sends more is none. */
const MAX_ANSWER = 4096;

/** A HealthCheckRequest: field 1 is the service's name. */
function request(service: string): Buffer {
  const name = Buffer.from(service);
  return name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, ...varint(name.length)]), name]);
}

function varint(n: number): number[] {
  return n < 128 ? [n] : [(n & 127) | 128, ...varint(n >>> 7)];
}

/** Field 1 of a HealthCheckResponse. */
const statusIn = (answer: Buffer): number => (answer[0] === 0x08 ? (answer[1] ?? 0) : 0);

/** The gRPC health protocol over plain HTTP/2 ("Configure Liveness, Readiness and Startup Probes", gRPC). */
export function grpcProbe(
  target: { readonly host: string; readonly port: number; readonly service: string },
  timeoutMs: number,
): Promise<ProbeResult> {
  const authority = hostPort(target.host, target.port);
  return new Promise((resolve) => {
    const session = connect(`http://${authority}`);
    const limit = AbortSignal.timeout(timeoutMs);
    let connected = false;
    const end = (message: string): void => {
      session.destroy();
      resolve({ ok: message === '', message });
    };
    session.on('connect', () => {
      connected = true;
    });
    limit.addEventListener('abort', () => {
      const what = connected ? 'health rpc did not complete' : `failed to connect service "${authority}"`;
      end(`timeout: ${what} within ${timeoutMs / 1000}s: context deadline exceeded`);
    });
    session.on('error', (e) => end(`error: health rpc failed: dial tcp ${authority}: ${dialError(e)}`));
    let status = 0;
    const message = request(target.service);
    const call = { path: CHECK, message, authority, userAgent: 'kube-probe/1.33', maxBytes: MAX_ANSWER };
    grpcCall(session, call, (answer) => {
      status = statusIn(answer);
    })
      .then((s) => end(verdict(s, status)))
      .catch((e: Error) => end(e.message));
  });
}

function verdict({ code, message }: GrpcStatus, status: number): string {
  if (code === GRPC.unimplemented) {
    return `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${message}`;
  }
  if (code !== GRPC.ok) return `error: health rpc failed: rpc error: code = ${code} desc = ${message}`;
  return status === SERVING ? '' : `service unhealthy (responded with "${STATUSES[status] ?? status}")`;
}
