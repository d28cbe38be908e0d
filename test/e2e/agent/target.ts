import { appendFileSync, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createGrpcServer } from 'node:http2';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { serveImage } from '../../bed/registry.ts';

/**
 * Servers for probes and hooks to speak to: target.ts <log of requests> <folder of the registry> <ports>. Ports: see PORTS of pods.ts.
 * HTTP paths: /ok, /bad (500), /to-bad, /to-elsewhere (redirects), /header (200 only with X-Probe: yes).
 * Below /v2/ it is a registry of one image (see pods.ts, publishImage); who asks for one called held-… is answered once there is
 * a file `go` in its folder. On a port of its own
 * there is the same registry for those who know the password (REGISTRY_USER of pods.ts), whatever the image is called.
 * gRPC services: "" and "good" serve, "bad" does not, others are unknown.
 */
const [log = '/dev/null', registry = '', http, grpc, silent, secure] = process.argv.slice(2);

const ANSWERS: Record<string, [number, Record<string, string>?]> = {
  '/ok': [200],
  '/bad': [500],
  '/to-bad': [302, { location: '/bad' }],
  '/to-elsewhere': [302, { location: 'http://192.0.2.1/nowhere' }],
};

const LOOK_MS = 50;

function whenLet(url: string, answer: () => void): void {
  if (!url.startsWith('/v2/held-') || existsSync(join(registry, 'go'))) answer();
  else setTimeout(() => whenLet(url, answer), LOOK_MS);
}

createServer((request, response) => {
  appendFileSync(log, `${request.url}\n`);
  const { url = '' } = request;
  if (url.startsWith('/v2/')) return whenLet(url, () => serveImage(registry, url, response));
  const header = request.url === '/header' && request.headers['x-probe'] === 'yes';
  const [code, headers] = ANSWERS[request.url ?? ''] ?? [header ? 200 : 404];
  response.writeHead(code, headers).end();
}).listen(Number(http));

const PASSWORD = `Basic ${Buffer.from('puller:secret').toString('base64')}`;

// A registry says at once that it wants a password, or Docker will not send it.
createServer((request, response) => {
  if (request.headers.authorization === PASSWORD) return serveImage(registry, request.url ?? '', response);
  const head = { 'content-type': 'application/json', 'www-authenticate': 'Basic realm="test"' };
  const error = { code: 'UNAUTHORIZED', message: 'the registry wants a password' };
  response.writeHead(401, head).end(JSON.stringify({ errors: [error] }));
}).listen(Number(secure));

const STATUS: Record<string, number> = { '': 1, good: 1, bad: 2 };
const NOT_FOUND = '5';

createGrpcServer()
  .on('stream', (stream) => {
    const chunks: Buffer[] = [];
    stream.on('data', (c: Buffer) => chunks.push(c));
    stream.on('end', () => {
      const request = Buffer.concat(chunks);
      const status = STATUS[request.subarray(7).toString()];
      const trailers =
        status === undefined ? { 'grpc-status': NOT_FOUND, 'grpc-message': 'unknown service' } : { 'grpc-status': '0' };
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers(trailers));
      stream.end(status === undefined ? undefined : Buffer.from([0, 0, 0, 0, 2, 0x08, status]));
    });
  })
  .listen(Number(grpc));

// Accepts connections and never says a word, like a registry that hangs.
createTcpServer((socket) => socket.on('error', () => {})).listen(Number(silent));
