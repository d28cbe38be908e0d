import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect } from 'node:tls';
import { beforeAll, describe, expect, test } from 'vitest';
import { createAuthority, issueCertificate } from '#pki/issue.ts';
import { useCluster } from '../bed/suite.ts';
import { balancerAnswers, waitFor } from '../bed/wait.ts';
import { HELLO, manifest } from './manifests.ts';
import { attempt, unanswered } from './network/attempt.ts';
import { constantLoad, here, type Run } from './network/load.ts';
import type { LoadResult, LoadSpec } from './network/load-client.ts';

// What Services owe their clients is held to in this mode here, in the other one by hello.test.ts and chaos.test.ts.
const flags = { proxy: ['--proxy-mode', 'nftables'] };
const cluster = useCluster('e2e-network-ingress', { nodes: 2, ingress: true, flags });
const kubectl = (...args: string[]) => cluster().kubectlOk(args);
const apply = (...objects: object[]) =>
  cluster().kubectlOk(['apply', '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }),
  });
const address = (node = 0): string => cluster().nodes[node]?.address ?? '';

const ingress = (name: string, spec: object, annotations: object = {}): object => ({
  ...{ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name, annotations }, spec },
});
const backend = (name = 'hello') => ({ service: { name, port: { name: 'http' } } });
const rule = (host: string, path = '/', name?: string): object => ({
  host,
  http: { paths: [{ path, pathType: 'Prefix', backend: backend(name) }] },
});

const TIMEOUT_MS = 20_000;

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** GET through the Ingress of a node. @throws Error when there is no answer within 20 s */
function get(host: string, o: { path?: string; node?: number } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { host: address(o.node), path: o.path ?? '/', headers: { host }, agent: false };
    const r = request({ ...options, timeout: TIMEOUT_MS }, (response) => {
      const { statusCode = 0, headers } = response;
      text(response).then((body) => resolve({ status: statusCode, headers, body }), reject);
    });
    r.on('timeout', () => r.destroy(new Error('timed out')));
    r.on('error', reject);
    r.end();
  });
}
const answers = (host: string, wanted: RegExp, node = 0) =>
  waitFor(`${host} to answer ${wanted}`, async () => {
    const { status, body } = await get(host, { node });
    return status === 200 && wanted.test(body);
  });

/** A process in the network of a pod of the first node. */
async function inPod(pod: string): Promise<Run> {
  const node = cluster().nodes[0];
  if (!node) throw new Error('there is no node');
  const id = await cluster().get('pod', pod, '-o', 'jsonpath={.status.containerStatuses[0].containerID}');
  const inspect = ['-H', node.dockerHost, 'inspect', '-f', '{{.State.Pid}}', id.replace('docker://', '')];
  const pid = (await node.exec('docker', inspect)).stdout.trim();
  return ({ command, args, ...spec }) =>
    node.process({ ...spec, command: 'nsenter', args: ['--net', '--target', pid, command, ...args] });
}

/** A limit that a request on a busy machine does not reach. */
const PATIENCE_MS = 60_000;
const REQUESTS = 60;
let loadSerial = 0;

/**
 * Requests again and again, through the Ingress and the node port of some nodes, and from a pod of the first to the cluster
 * IP. @returns what ends them and tells how each went, by its name.
 */
async function everyWay(nodes: number[], timeoutMs: { vip: number; ingress: number }) {
  const clusterIp = await cluster().get('service', 'hello', '-o', 'jsonpath={.spec.clusterIP}');
  const browser = { name: 'hello.example', lanes: 2, atLeast: REQUESTS, keepAlive: true, timeoutMs: timeoutMs.ingress };
  const fresh = { name: 'hello', lanes: 2, atLeast: REQUESTS, keepAlive: false, timeoutMs: timeoutMs.vip };
  const specs: [string, Run, LoadSpec][] = [
    ...nodes.map((n): [string, Run, LoadSpec] => [`ingress-${n}`, here, { ...browser, host: address(n), port: 80 }]),
    ...nodes.map((n): [string, Run, LoadSpec] => [
      `node-port-${n}`,
      here,
      { ...fresh, host: address(n), port: 30_080 },
    ]),
    ['cluster-ip', await inPod('client'), { ...fresh, host: clusterIp, port: 80 }],
  ];
  const serial = ++loadSerial;
  const log = (name: string) => join(cluster().dir, `logs/load-${serial}-${name}`);
  const loads = await Promise.all(
    specs.map(async ([name, run, spec]) => [name, await constantLoad(run, log(name), spec)] as const),
  );
  return async () => new Map(await Promise.all(loads.map(async ([name, l]) => [name, await l.stop()] as const)));
}
const PATIENT = { vip: PATIENCE_MS, ingress: PATIENCE_MS };

/** Every way carried some, and all of it arrived. */
function expectNoFailure(results: ReadonlyMap<string, LoadResult>): void {
  for (const [way, { failures, sent }] of results) {
    expect(failures, way).toEqual([]);
    expect(sent, way).toBeGreaterThanOrEqual(REQUESTS);
  }
}

beforeAll(async () => {
  await cluster().kubectlOk(['apply', '-f', '-'], { input: HELLO });
  await apply(ingress('hello', { rules: [rule('hello.example')] }));
  await cluster().kubectlOk(['apply', '-f', '-'], { input: manifest.sleeper('client', cluster().nodes[0]?.name) });
  await kubectl('rollout', 'status', 'deployment/hello', '--timeout=110s');
  await kubectl('wait', '--for=condition=Ready', 'pod/client', '--timeout=110s');
});

test('an Ingress without a class gets the default one, is served on every node, and says where', async () => {
  expect(await cluster().get('ingress', 'hello', '-o', 'jsonpath={.spec.ingressClassName}')).toBe('coxswain');
  for (const node of [0, 1]) {
    const seen = new Set<string>();
    await waitFor(`every pod answers through node ${node}`, async () => {
      seen.add((await get('hello.example', { node })).body);
      return seen.size === 3;
    });
  }
  const ips = [address(0), address(1)].sort().join(',');
  await waitFor('both addresses in the status', async () => (await cluster().get('ingress', 'hello')).includes(ips));
  expect((await get('unknown.example')).status).toBe(404);
});

test('a class of another controller is not served', async () => {
  await apply(
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IngressClass',
      metadata: { name: 'other' },
      spec: { controller: 'x.org/y' },
    },
    ingress('foreign', { ingressClassName: 'other', rules: [rule('foreign.example')] }),
    ingress('marker', { rules: [rule('marker.example')] }),
  );
  await answers('marker.example', /hello/);
  expect((await get('foreign.example')).status).toBe(404);
  await kubectl('patch', 'ingress', 'foreign', '--type=merge', '-p', '{"spec":{"ingressClassName":"coxswain"}}');
  await answers('foreign.example', /hello/);
  await kubectl('delete', 'ingress', 'foreign', 'marker');
  await waitFor('it is gone', async () => (await get('foreign.example')).status === 404);
});

test('a bad Ingress beside a good one: an event tells, and the good one answers', async () => {
  const regex = { path: '/(a+)+$', pathType: 'ImplementationSpecific', backend: backend() };
  await apply(
    ingress('bad', {
      tls: [{ hosts: ['bad.example'], secretName: 'none' }],
      rules: [rule('hello.example', '/', 'elsewhere'), { host: 'bad.example', http: { paths: [regex] } }],
    }),
  );
  await waitFor('events', async () => {
    const events = await cluster().get(
      'events',
      '--field-selector=involvedObject.name=bad',
      '-o',
      'jsonpath={.items[*].reason}',
    );
    return ['BadCertificate', 'Conflict', 'Rejected', 'ServiceNotFound'].every((reason) => events.includes(reason));
  });
  expect(await kubectl('describe', 'ingress', 'bad')).toContain('older Ingress default/hello');
  expect((await get('hello.example')).body).toMatch(/^hello from/);
  await kubectl('delete', 'ingress', 'bad');
});

describe('TLS', () => {
  const ca = createAuthority('test', Date.now());

  async function putSecret(): Promise<void> {
    const spec = {
      file: 'x',
      authority: 'apiserver',
      commonName: 'tls.example',
      hosts: ['tls.example'],
      usages: ['server'],
    } as const;
    const { cert, key } = await issueCertificate(spec, await ca, Date.now());
    const [certFile, keyFile] = ['tls.crt', 'tls.key'].map((name) => join(cluster().dir, name)) as [string, string];
    writeFileSync(certFile, cert);
    writeFileSync(keyFile, key, { mode: 0o600 });
    const made = await kubectl(
      ...['create', 'secret', 'tls', 'web', '--cert', certFile, '--key', keyFile, '--dry-run=client', '-o', 'json'],
    );
    await cluster().kubectlOk(['apply', '-f', '-'], { input: made });
  }

  /** Serial number of the certificate that is shown for the name, checked against the CA. */
  const shown = async (): Promise<string> => {
    const { cert } = await ca;
    return new Promise((resolve, reject) => {
      const socket = connect(
        { host: address(), port: 443, servername: 'tls.example', ca: cert, timeout: TIMEOUT_MS },
        () => {
          resolve(socket.getPeerCertificate().serialNumber);
          socket.destroy();
        },
      );
      socket.on('timeout', () => socket.destroy(new Error('timed out')));
      socket.on('error', reject);
    });
  };

  test('the certificate of a Secret, which is rotated live', async () => {
    await putSecret();
    await apply(ingress('tls', { tls: [{ hosts: ['tls.example'], secretName: 'web' }], rules: [rule('tls.example')] }));
    const first = await waitFor('the certificate', shown);
    expect(await get('tls.example', { path: '/x?y' })).toMatchObject({
      status: 308,
      headers: { location: 'https://tls.example/x?y' },
    });
    await putSecret();
    await waitFor('another certificate', async () => (await shown()) !== first);
    const curl = await cluster().nodes[0]?.exec('curl', [
      '-sk',
      '--http2',
      '--resolve',
      'tls.example:443:127.0.0.1',
      '-w',
      ' %{http_version}',
      'https://tls.example/',
    ]);
    expect(curl?.stdout).toMatch(/^hello from (.|\n)* 2$/);
  });

  test('a gRPC call reaches a port whose appProtocol asks for it, and its trailers come back', async () => {
    const node = cluster().nodes[0];
    const code = `require('http2').createServer().on('stream', (s) => {
      s.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      s.on('wantTrailers', () => s.sendTrailers({ 'grpc-status': '0' }));
      s.pipe(s);
    }).listen(5400, () => console.log('bound'));`;
    const logFile = join(cluster().dir, 'logs/grpc');
    const server = node?.process({
      ...{ name: 'grpc', command: process.execPath, args: ['-e', code], logFile },
      ready: async () => void (await waitFor('the server', () => readFileSync(logFile, 'utf8').includes('bound'))),
    });
    await server?.start();
    const port = { name: 'grpc', port: 80, targetPort: 5400, appProtocol: 'grpc' };
    await apply(
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 'grpc' }, spec: { ports: [port] } },
      {
        ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4' },
        metadata: { name: 'grpc-1', labels: { 'kubernetes.io/service-name': 'grpc' } },
        ports: [{ name: 'grpc', port: 5400 }],
        endpoints: [{ addresses: [address()], conditions: { ready: true } }],
      },
      ingress('grpc', {
        tls: [{ hosts: ['tls.example'], secretName: 'web' }],
        rules: [
          {
            host: 'tls.example',
            http: {
              paths: [
                {
                  path: '/chat.Chat',
                  pathType: 'Prefix',
                  backend: { service: { name: 'grpc', port: { name: 'grpc' } } },
                },
              ],
            },
          },
        ],
      }),
    );
    const { cert } = await ca;
    const session = connectHttp2(`https://${address()}`, { ca: cert, servername: 'tls.example' });
    session.on('error', () => {});
    // Before the rule is known, another one sends it to a server that knows no trailers.
    const call = async (): Promise<unknown[]> => {
      const signal = AbortSignal.timeout(10_000);
      const headers = { ':method': 'POST', ':path': '/chat.Chat/Say', ':authority': 'tls.example', te: 'trailers' };
      const stream = session.request(headers);
      stream.end('question');
      const [trailers, body] = await Promise.all([once(stream, 'trailers', { signal }), text(stream)]);
      return [body, (trailers[0] as { 'grpc-status'?: string })['grpc-status']];
    };
    try {
      expect(await waitFor('the rule', call)).toEqual(['question', '0']);
    } finally {
      session.destroy();
      await server?.stop();
      await kubectl('delete', 'ingress/grpc', 'service/grpc', 'endpointslice/grpc-1');
    }
  });
});

describe('under a constant load', () => {
  test('a rolling update and its rollback, without preStop and with it, fail no request', async () => {
    const stop = await everyWay([0, 1], PATIENT);
    const lifecycle = { preStop: { sleep: { seconds: 1 } } };
    const container = { name: 'hello', lifecycle, env: [{ name: 'MESSAGE', value: 'second' }] };
    const template = { spec: { template: { spec: { containers: [container] } } } };
    await kubectl('patch', 'deployment', 'hello', '-p', JSON.stringify(template));
    await kubectl('rollout', 'status', 'deployment/hello', '--timeout=110s');
    await answers('hello.example', /^second/);
    await kubectl('rollout', 'undo', 'deployment/hello');
    await kubectl('rollout', 'status', 'deployment/hello', '--timeout=110s');
    await answers('hello.example', /^hello/);
    expectNoFailure(await stop());
  });

  test('rules that come and go, and an API server that is away, fail no request', async () => {
    const stop = await everyWay([0, 1], PATIENT);
    const { apiserver1 } = cluster().processes;
    for (let n = 0; n < 10; n++) await apply(ingress(`more-${n}`, { rules: [rule(`more-${n}.example`)] }));
    await answers('more-9.example', /hello/);
    await apiserver1.kill('SIGKILL');
    expect((await get('more-9.example')).status).toBe(200);
    await apiserver1.start();
    await balancerAnswers(cluster());
    await kubectl('delete', 'ingress', ...Array.from({ length: 10 }, (_, n) => `more-${n}`));
    await waitFor('they are gone', async () => (await get('more-9.example')).status === 404);
    expectNoFailure(await stop());
  });
});

test('scaled to nothing and back: 503, then answers', async () => {
  await kubectl('scale', 'deployment/hello', '--replicas=0');
  await waitFor('503', async () => (await get('hello.example')).status === 503);
  await kubectl('scale', 'deployment/hello', '--replicas=1');
  await answers('hello.example', /^hello/);
});

test('killed and started again, it serves what it did', async () => {
  const process = cluster().nodes[1]?.ingress;
  await process?.kill('SIGKILL');
  await expect(get('hello.example', { node: 1 })).rejects.toThrow();
  await process?.start();
  expect((await get('hello.example', { node: 1 })).body).toMatch(/^hello/);
});

/**
 * What docs/network.md promises. Until the control plane knows (15 s here), a new connection to a Service may be sent to a
 * pod of the lost node, and is answered by nobody; requests through an Ingress come to another pod.
 */
test('a node that is lost: requests fail only where they went to it, and none once its pods have left the Services', async () => {
  await kubectl('scale', 'deployment/hello', '--replicas=4');
  await kubectl('rollout', 'status', 'deployment/hello', '--timeout=110s');
  const podsOn = async (node: number): Promise<string[]> => {
    const field = `--field-selector=spec.nodeName=${cluster().nodes[node]?.name}`;
    const ips = await cluster().get('pods', '-l', 'app=hello', field, '-o', 'jsonpath={.items[*].status.podIP}');
    return ips.split(' ').filter(Boolean);
  };
  // Those of former tests may still be ending.
  const [kept, lost] = await waitFor('two pods on each node', async () => {
    const found = [await podsOn(0), await podsOn(1)] as const;
    return found.every((pods) => pods.length === 2) && found;
  });
  const during = await everyWay([0], { vip: 2000, ingress: 120_000 });
  await cluster().nodes[1]?.powerOff();
  const off = performance.now();
  const silent = await unanswered(address(), 30_080);
  await waitFor(
    'rules name the pods of the other node, and none of the lost one',
    async () => {
      const saved = await cluster().nodes[0]?.exec('nft', ['list', 'table', 'ip', 'coxswain-proxy']);
      const named = (ip: string): boolean => saved?.stdout.includes(`${ip} . `) ?? false;
      return saved?.code === 0 && kept.every(named) && !lost.some(named);
    },
    { timeoutMs: 120_000 },
  );
  const removed = performance.now() - off;
  // The kernel remembers an attempt, and with it where it went, as long as the client goes on from the same port.
  if (silent) await waitFor('an answer', async () => (await attempt(address(), 30_080, silent)).answered);
  const after = await everyWay([0], PATIENT);
  const results = await during();
  for (const [way, { sent, failures, slowestMs, longestGapMs }] of results) {
    // The pods that are left go on answering, and refuse nobody.
    expect(
      failures.map((f) => f.why).filter((why) => !/^(timed out|ETIMEDOUT|EHOSTUNREACH)$/.test(why)),
      way,
    ).toEqual([]);
    const figures = {
      sent,
      failed: failures.length,
      slowestMs: Math.round(slowestMs),
      gapMs: Math.round(longestGapMs),
    };
    console.info(`node lost, known after ${Math.round(removed)} ms: ${way} ${JSON.stringify(figures)}`);
  }
  expect(results.get('ingress-0')?.failures).toEqual([]);
  await waitFor('requests', async () => (await get('hello.example')).status === 200);
  expectNoFailure(await after());
});
