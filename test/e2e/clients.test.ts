import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { promisify } from 'node:util';
import {
  AppsV1Api,
  CoreV1Api,
  Exec,
  KubeConfig,
  Log,
  makeInformer,
  PatchStrategy,
  PortForward,
  setHeaderOptions,
  type V1ConfigMap,
  type V1Status,
  Watch,
} from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { repository } from '../bed/layout.ts';
import { useCluster } from '../bed/suite.ts';
import { waitFor } from '../bed/wait.ts';
import { Wire } from '../integration/api/http.ts';
import { BUSYBOX, pod } from './agent/pods.ts';

/** Programs with client libraries that nobody here wrote. */
const cluster = useCluster('e2e-clients', { nodes: 1, apiservers: 1 });
const run = promisify(execFile);

test('the official Python client', { timeout: 330_000 }, async () => {
  const script = join(repository, 'test/e2e/clients/script.py');
  const { stdout } = await run('/usr/bin/python3', [script, cluster().kubeconfig, 'python'], { timeout: 300_000 });
  const { types, log, ...seen } = JSON.parse(stdout);
  expect(types[0]).toBe('ADDED');
  expect(types).toContain('MODIFIED');
  expect(log.trim()).toBe('started');
  expect(seen).toEqual({
    twice: [409, 'Conflict', 'AlreadyExists'],
    exec: ['err', 'out'],
    session: ['got this\n', 3],
    forward: 'HTTP/1.1 200 OK',
    scale: 2,
    merged: { a: 'b', c: 'd' },
    version: '33',
    groups: true,
    resources: true,
    allowed: true,
  });
});

describe('the official JavaScript client', () => {
  const namespace = 'default';
  let config: KubeConfig;
  let core: CoreV1Api;
  let listening: Server | undefined;

  beforeAll(async () => {
    config = new KubeConfig();
    config.loadFromFile(cluster().kubeconfig);
    core = config.makeApiClient(CoreV1Api);
    const main = { name: 'main', image: 'coxswain/hello:1', imagePullPolicy: 'Never' };
    const shell = { name: 'shell', ...BUSYBOX, command: ['sh', '-c', 'echo started; sleep 3600'] };
    await core.createNamespacedPod({ namespace, body: pod('js', main, { containers: [main, shell] }) });
    const ready = async (): Promise<boolean> =>
      ((await core.readNamespacedPod({ namespace, name: 'js' })).status?.containerStatuses ?? []).every(
        (s) => s.ready,
      ) && (await core.readNamespacedPodStatus({ namespace, name: 'js' })).status?.phase === 'Running';
    await waitFor('the pod', ready, { timeoutMs: 120_000 });
  });
  afterAll(() => {
    listening?.close();
  });

  const configMap = (name: string, data: Record<string, string>): V1ConfigMap => ({
    metadata: { name, labels: { set: 'js' } },
    data,
  });

  test('an informer follows what happens', async () => {
    const seen: string[] = [];
    const labelSelector = 'set=js';
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const list = () => core.listNamespacedConfigMap({ namespace, labelSelector });
    await core.createNamespacedConfigMap({ namespace, body: configMap('first', { a: '1' }) });
    const informer = makeInformer(config, path, list, labelSelector);
    for (const what of ['add', 'update', 'delete'] as const)
      informer.on(what, (o) => seen.push(`${what} ${o.metadata?.name} ${o.data?.a}`));
    await informer.start();
    await core.createNamespacedConfigMap({ namespace, body: configMap('second', { a: '1' }) });
    await core.patchNamespacedConfigMap(
      { namespace, name: 'second', body: { data: { a: '2' } } },
      setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch),
    );
    await core.deleteNamespacedConfigMap({ namespace, name: 'first' });
    await waitFor('all events', () => seen.length >= 4);
    await informer.stop();
    expect(seen).toEqual(['add first 1', 'add second 1', 'update second 2', 'delete first 1']);
  });

  test('a watch ends when it is told to', async () => {
    const types: string[] = [];
    const { promise: over, resolve } = Promise.withResolvers<unknown>();
    const controller = await new Watch(config).watch(
      `/api/v1/namespaces/${namespace}/pods`,
      { allowWatchBookmarks: true },
      (type) => types.push(type),
      resolve,
    );
    await waitFor('the pod', () => types.includes('ADDED'));
    controller.abort();
    await over;
  });

  test('exec, its input, its exit code', async () => {
    const text = { out: '', err: '' };
    const out = new PassThrough().on('data', (c: Buffer) => {
      text.out += c.toString();
    });
    const err = new PassThrough().on('data', (c: Buffer) => {
      text.err += c.toString();
    });
    const input = new PassThrough();
    const { promise: over, resolve } = Promise.withResolvers<V1Status>();
    const command = ['sh', '-c', 'read x; echo got $x; echo oh >&2; exit 7'];
    await new Exec(config).exec(namespace, 'js', 'shell', command, out, err, input, false, resolve);
    input.write('this\n');
    const status = await over;
    expect(status.details?.causes).toEqual([{ reason: 'ExitCode', message: '7' }]);
    await waitFor('the output', () => text.out !== '' && text.err !== '');
    expect(text).toEqual({ out: 'got this\n', err: 'oh\n' });
  });

  test('logs and a forwarded port', async () => {
    // A container is ready before it has said anything.
    await waitFor('the log', async () => {
      let text = '';
      const log = new PassThrough().on('data', (c: Buffer) => {
        text += c.toString();
      });
      const ended = once(log, 'end');
      await new Log(config).log(namespace, 'js', 'shell', log, { follow: false });
      await ended;
      return text === 'started\n';
    });
    const forward = new PortForward(config);
    listening = createServer((socket) => void forward.portForward(namespace, 'js', [8080], socket, null, socket));
    const server = listening;
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as { port: number };
    const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } });
    expect(await answer.text()).toMatch(/^hello from js /);
  });

  test('a log that goes on, as a page in a browser reads it', async () => {
    const wire = await Wire.to(cluster());
    const path = `/api/v1/namespaces/${namespace}/pods/js/log?container=shell&follow=true`;
    const socket = wire.webSocket(path, ['base64.binary.k8s.io']);
    let text = '';
    socket.on('message', (message) => {
      text += Buffer.from(String(message), 'base64').toString();
    });
    await waitFor('the log', () => text === 'started\n');
    expect([socket.protocol, socket.readyState]).toEqual(['base64.binary.k8s.io', socket.OPEN]);
    socket.terminate();
  });

  test('errors are what the API said', async () => {
    const apps = config.makeApiClient(AppsV1Api);
    const wrong = { metadata: { name: 'No_Good' }, spec: { selector: {}, template: {} } };
    await expect(apps.createNamespacedDeployment({ namespace, body: wrong })).rejects.toMatchObject({ code: 422 });
    await expect(core.readNamespacedPod({ namespace, name: 'none' })).rejects.toMatchObject({ code: 404 });
  });
});
