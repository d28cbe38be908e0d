import { PORTS, sleeper } from './pods.ts';

/** Probes of pods in the network of their node, where the servers of `startTarget` are: a busy machine takes its time to answer. */
export const QUICK = { periodSeconds: 1, failureThreshold: 1, timeoutSeconds: 20 };
const http = (path: string, more: object = {}) => ({ httpGet: { port: PORTS.http, path, ...more } });
const header = { httpHeaders: [{ name: 'X-Probe', value: 'yes' }] };
const grpc = (service?: string) => ({ grpc: { port: PORTS.grpc, ...(service ? { service } : {}) } });
const tcp = (port: number) => ({ tcpSocket: { port } });

/** Name, probe, and what is told of it when the pod does not get Ready. */
export const READINESS: readonly (readonly [string, object, RegExp | undefined])[] = [
  ['exec-good', { exec: { command: ['true'] }, initialDelaySeconds: 2, successThreshold: 3 }, undefined],
  ['exec-bad', { exec: { command: ['sh', '-c', 'echo broken; exit 1'] } }, /broken/],
  ['exec-slow', { exec: { command: ['sleep', '5'] }, timeoutSeconds: 1 }, /timed out/],
  ['http-good', http('/ok'), undefined],
  ['http-bad', http('/bad'), /HTTP probe failed with statuscode: 500/],
  ['http-header', http('/header', header), undefined],
  ['http-redirect', http('/to-bad'), /statuscode: 500/],
  ['http-elsewhere', http('/to-elsewhere'), undefined],
  // The agent's own port, which nobody can ask for anything but over TLS.
  ['https', { httpGet: { scheme: 'HTTPS', port: 10250, path: '/pods' } }, /statuscode: 401/],
  ['tcp-good', tcp(PORTS.http), undefined],
  ['tcp-bad', tcp(PORTS.closed), /connection refused/],
  ['grpc-good', grpc(), undefined],
  ['grpc-named', grpc('good'), undefined],
  ['grpc-bad', grpc('bad'), /service unhealthy \(responded with "NOT_SERVING"\)/],
  ['grpc-unknown', grpc('other'), /code = 5/],
  ['grpc-other', { grpc: { port: PORTS.http } }, /./],
];

/** One that succeeds, and one that fails, of each sort. */
export const GOOD = [http('/ok'), tcp(PORTS.http), grpc('good')];
export const BAD = [http('/bad'), tcp(PORTS.closed), grpc('bad')];

/** Containers with one such probe each. @param kind 'startupProbe', 'livenessProbe', ... */
export const probed = (kind: string, probes: readonly object[]) =>
  probes.map((probe, n) => sleeper({ name: `${kind.toLowerCase()}-${n}`, [kind]: { ...QUICK, ...probe } }));
