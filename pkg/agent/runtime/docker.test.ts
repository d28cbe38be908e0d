import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Pod } from '#api/kinds/index.ts';
import type { ContainerHandle } from '../streaming/backend.ts';
import { DockerRuntime } from './docker.ts';
import { containerOptions, type DockerSettings, sandboxOptions } from './docker-config.ts';
import { logPlace } from './docker-log.ts';
import { DockerStreams } from './docker-streams.ts';
import type { ContainerConfig, SandboxConfig } from './types.ts';
import type { RuntimeView } from './view.ts';

const settings: DockerSettings = {
  ...{ node: 'n', pauseImage: 'pause:1', network: 'net', cgroupParent: '', mayLowerOomScore: true },
  logs: { maxBytes: 1000, maxFiles: 4 },
  podPidsLimit: 0,
  atNode: (path) => path,
};

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'docker-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** A Docker that answers like this. */
async function docker(answer: RequestListener): Promise<{ runtime: DockerRuntime; close: () => void }> {
  const path = join(dir, 'docker.sock');
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { runtime: new DockerRuntime(path, settings, { has: (id) => id === 'told' }), close };
}

test.each([
  ['that goes wrong on the way', [{ status: 'Pulling' }, { error: 'no space left' }], 'no space left'],
  ['that ends well', [{ status: 'Pulling' }, { status: 'Done' }], undefined],
])('a pull %s', async (_, lines, complaint) => {
  const { runtime, close } = await docker((_request, response) => {
    for (const line of lines) response.write(`${JSON.stringify(line)}\r\n`);
    response.end();
  });
  try {
    const pulled = runtime.pull('r.io/a:1', new AbortController().signal);
    if (complaint) await expect(pulled).rejects.toThrow(complaint);
    else await pulled;
  } finally {
    close();
  }
});

test('containers have names of their own, however long those of their pods', () => {
  const pod = 'p'.repeat(253);
  const names = ['ns1', 'ns2'].flatMap((namespace) =>
    [0, 1].flatMap((attempt) => {
      const ids = { pod, namespace, podUid: `uid-of-${namespace}`, attempt };
      const container = { ...ids, name: 'main', command: [], args: [], env: [], mounts: [], devices: [] };
      const more = { namedDevices: [], annotations: {}, seLinux: {}, groups: [], capAdd: [], capDrop: [], limits: {} };
      return [
        sandboxOptions(settings, { ...ids, ports: [], sysctls: {} } as unknown as SandboxConfig).name,
        containerOptions(settings, { ...container, ...more } as unknown as ContainerConfig).name,
      ];
    }),
  );
  expect(new Set(names).size).toBe(names.length);
  expect(Math.max(...names.map((n) => n?.length ?? 0))).toBeLessThanOrEqual(200);
});

test.each([
  ["a pod in Docker's network", {}, ['ndots:off']],
  ["a pod in the node's network", { hostNetwork: true }, undefined],
  ['a pod whose network plugins make', { empty: true }, undefined],
])('%s gets no name server of Docker', (_, more, options) => {
  const config = { podUid: 'u', namespace: 'ns', pod: 'p', attempt: 0, ports: [], sysctls: {}, ...more };
  expect(sandboxOptions(settings, config as unknown as SandboxConfig).HostConfig?.DnsOptions).toEqual(options);
});

test('Docker makes the network of a pod with ports of the node, with our addresses, and of no other', () => {
  const ids = { podUid: 'u', namespace: 'ns', pod: 'p', attempt: 0, sysctls: {}, addresses: ['10.1.0.2', 'fd00::2'] };
  const options = (...ports: object[]) => sandboxOptions(settings, { ...ids, ports } as unknown as SandboxConfig);
  const linked = options();
  expect([linked.NetworkDisabled, linked.HostConfig?.NetworkMode, linked.NetworkingConfig]).toEqual([
    true,
    undefined,
    undefined,
  ]);
  expect(linked.Labels).toMatchObject({
    'io.coxswain.sandbox.addresses': '10.1.0.2,fd00::2',
    'io.coxswain.sandbox.linked': 'true',
  });
  const own = options({ containerPort: 80, hostPort: 8080, hostIp: '', protocol: 'TCP' });
  expect([own.NetworkDisabled, own.HostConfig?.NetworkMode]).toEqual([undefined, 'net']);
  const IPAMConfig = { IPv4Address: '10.1.0.2', IPv6Address: 'fd00::2' };
  expect(own.NetworkingConfig).toEqual({ EndpointsConfig: { net: { IPAMConfig } } });
  expect(own.Labels).not.toHaveProperty(['io.coxswain.sandbox.linked']);
});

test('several ports of the node lead to one of a pod', () => {
  const port = (hostPort: number, hostIp = '', protocol = 'TCP') => ({ containerPort: 80, hostPort, hostIp, protocol });
  const ports = [port(8080), port(8081), port(8082, '127.0.0.1'), port(8080, '', 'UDP'), port(8080)];
  const config = { podUid: 'u', namespace: 'ns', pod: 'p', attempt: 0, ports, sysctls: {} };
  expect(sandboxOptions(settings, config as unknown as SandboxConfig).HostConfig?.PortBindings).toEqual({
    '80/tcp': [
      { HostIp: '', HostPort: '8080' },
      { HostIp: '', HostPort: '8081' },
      { HostIp: '127.0.0.1', HostPort: '8082' },
    ],
    '80/udp': [{ HostIp: '', HostPort: '8080' }],
  });
});

test('a command whose client left while it was being started is given up', async () => {
  const off = new AbortController();
  const stream = new PassThrough();
  let asked = 0;
  const found = Promise.withResolvers<void>();
  const exec = {
    start: async () => {
      off.abort(new Error('the client left'));
      return stream;
    },
    inspect: async () => {
      asked++;
      await found.promise;
      return { Running: false, Pid: 0, ExitCode: 0 };
    },
  };
  const record = { id: 'c', state: 'running' };
  const streams = new DockerStreams({
    runtime: { streams: { getContainer: () => ({ exec: async () => exec }) } } as unknown as DockerRuntime,
    view: { pod: () => ({ containers: new Map([['main', [record]]]) }) } as unknown as RuntimeView,
    pods: { get: () => ({}) as Pod, list: () => [], byIndex: () => [] } as never,
  });
  const handle: ContainerHandle = { namespace: 'ns', pod: 'p', uid: 'u', container: 'main', id: 'c' };
  const wishes = { command: ['sleep'], tty: false, stdin: false, stdout: true, stderr: true };
  const session = await streams.exec(handle, wishes, off.signal);
  expect(stream.destroyed).toBe(true);
  // Its process is looked for, to be ended.
  expect(asked).toBe(1);
  let over = false;
  const settled = streams.settled().then(() => {
    over = true;
  });
  await Promise.resolve();
  expect(over).toBe(false);
  found.resolve();
  await settled;
  await session.exitCode;
});

test.each([
  [undefined, 'ContainerCreating'],
  ['PodInitializing', 'PodInitializing'],
  ['ErrImagePull', "image can't be pulled"],
  ['ImagePullBackOff', 'trying and failing to pull image'],
])('without a log it is said what a container waits for: %s', async (reason, words) => {
  const state = reason ? { waiting: { reason } } : {};
  const pod = { status: { containerStatuses: [{ name: 'main', state }] } } as unknown as Pod;
  const streams = new DockerStreams({
    runtime: {} as DockerRuntime,
    view: { pod: () => ({ containers: new Map() }) } as unknown as RuntimeView,
    pods: { get: () => pod, list: () => [], byIndex: () => [] } as never,
  });
  const handle: ContainerHandle = { namespace: 'ns', pod: 'p', uid: 'u', container: 'main', id: '' };
  const options = { follow: false, previous: false, timestamps: false, stream: 'All' } as const;
  const log = streams.logs(handle, options, new AbortController().signal);
  await expect(log).rejects.toThrow(`container "main" in pod "p" is waiting to start: ${words}`);
});

test("Docker is asked for the lives of this node's containers alone, and is told when nobody listens any more", async () => {
  const asked: URL[] = [];
  let left = false;
  const { runtime, close } = await docker((request, response) => {
    asked.push(new URL(request.url ?? '', 'http://docker'));
    response.on('close', () => {
      left = true;
    });
    const event = { Action: 'die', Actor: { ID: 'c', Attributes: { exitCode: '3' } }, timeNano: 5e6 };
    response.write(`${JSON.stringify(event)}\n`);
  });
  const off = new AbortController();
  try {
    for await (const e of await runtime.events(7_900, off.signal)) {
      expect(e).toMatchObject({ type: 'die', record: { id: 'c', exitCode: 3, finishedAt: 5 } });
      off.abort();
    }
    const query = asked[0]?.searchParams;
    expect(query?.get('since')).toBe('7');
    expect(JSON.parse(query?.get('filters') ?? '')).toMatchObject({
      type: ['container'],
      event: ['create', 'start', 'die', 'oom', 'destroy'],
      label: expect.arrayContaining(['io.coxswain.node=n']),
    });
    await vi.waitFor(() => expect(left).toBe(true), { timeout: 30_000 });
  } finally {
    close();
  }
});

test('a container of which Docker does not know that it was killed, and the kernel does', async () => {
  const { runtime, close } = await docker((_request, response) => {
    for (const ID of ['told', 'other'])
      response.write(
        `${JSON.stringify({ Action: 'die', Actor: { ID, Attributes: { exitCode: '5' } }, timeNano: 5e6 })}\n`,
      );
    response.end();
  });
  try {
    const killed: boolean[] = [];
    const events = await runtime.events(0, new AbortController().signal);
    for await (const { record } of events) killed.push(record.oomKilled);
    expect(killed).toEqual([true, false]);
  } finally {
    close();
  }
});

const bare = {
  ...{ pod: 'p', namespace: 'ns', podUid: 'u', attempt: 0, name: 'main', command: [], args: [], env: [], mounts: [] },
  ...{ devices: [], namedDevices: [], annotations: {}, groups: [], capAdd: [], capDrop: [], limits: {} },
  seLinux: {},
} as unknown as ContainerConfig;

test('logs and processes of a container have the bounds of the node', () => {
  const of = (c: Partial<ContainerConfig>) => containerOptions({ ...settings, podPidsLimit: 9 }, { ...bare, ...c });
  expect(of({}).HostConfig).toMatchObject({
    LogConfig: { Type: 'json-file', Config: { 'max-size': '1000', 'max-file': '4' } },
    PidsLimit: 9,
  });
  // The cgroup of its pod has the bound then.
  expect(of({ cgroupParent: '/pod' }).HostConfig?.PidsLimit).toBeUndefined();
  expect(containerOptions(settings, bare).HostConfig?.PidsLimit).toBeUndefined();
});

test.each([
  ['json-file', { 'max-file': '5' }, 5],
  ['json-file', {}, 1],
  ['none', {}, undefined],
])('a log of %s with %j', (Type, Config, files) => {
  const facts = { LogPath: '/l', HostConfig: { LogConfig: { Type, Config } } };
  expect(logPlace(facts, (path) => `/host${path}`)).toEqual(files && { path: '/host/l', files });
});

test('SELinux labels and a bare /proc reach the runtime', () => {
  const c = { ...bare, seLinux: { type: 'spc_t', level: 's0:c1,c2' }, unmaskedProc: true };
  expect(containerOptions(settings, c).HostConfig).toMatchObject({
    SecurityOpt: ['label=type:spc_t', 'label=level:s0:c1,c2'],
    ...{ MaskedPaths: [], ReadonlyPaths: [] },
  });
});

test.each([
  [['name=seccomp,profile=default', 'name=userns'], true],
  [['name=seccomp,profile=default'], false],
  [null, false],
])('of a Docker with %j it is known whether it maps users', async (SecurityOptions, expected) => {
  const { runtime, close } = await docker((_request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ SecurityOptions }));
  });
  try {
    expect((await runtime.info()).userNamespaces).toBe(expected);
  } finally {
    close();
  }
});
