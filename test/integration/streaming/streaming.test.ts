import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, get } from 'node:http';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { HealthPages } from '#process/health-pages.ts';
import { type AgentServer, startAgentServer } from '../../../pkg/agent/server/server.ts';
import { createAuthority, issueCertificate } from '../../../pkg/pki/issue.ts';
import { freePorts } from '../../bed/ports.ts';
import { type FakeApiserver, startFakeApiserver } from './fake-apiserver.ts';
import { FakeContainer, LOG } from './fake-container.ts';
import { findKubectls, KubectlRunner, stopAll } from './kubectl.ts';

const MB = 1024 * 1024;
const home = mkdtempSync(join(tmpdir(), 'streaming-'));
const container = new FakeContainer();
let agent: AgentServer;
let apiserver: FakeApiserver;

beforeAll(async () => {
  const ca = await createAuthority('test', Date.now());
  const issue = (commonName: string, rest: object) =>
    issueCertificate({ commonName, ...rest } as Parameters<typeof issueCertificate>[0], ca, Date.now());
  const serving = await issue('system:node:n', { usages: ['server'], hosts: ['n'] });
  const client = await issue('kube-apiserver-kubelet-client', {
    usages: ['client'],
    organizations: ['system:masters'],
  });
  agent = await startAgentServer({
    health: new HealthPages({ healthz: {} }),
    address: '127.0.0.1',
    port: 0,
    tls: serving,
    clientCa: ca.cert,
    streams: container,
    probeEveryMs: 200,
  });
  apiserver = await startFakeApiserver({ port: agent.port, tls: { ca: ca.cert, ...client, servername: 'n' } });
});

afterEach(async () => {
  stopAll();
  // Nothing may be left behind: no connection at the agent or in the pass-through, no process, no socket.
  await vi.waitFor(
    () => {
      const left = [agent.connections, apiserver.busy, container.running, container.connections];
      expect(left, 'agent connections, apiserver requests, processes, forwarded connections').toEqual([0, 0, 0, 0]);
    },
    { timeout: 60_000 },
  );
});

afterAll(async () => {
  await apiserver?.close();
  await agent?.close();
  rmSync(home, { recursive: true, force: true });
});

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** Waits until a count has begun to grow and grows no more. */
async function stands(count: () => number): Promise<void> {
  let last = 0;
  await vi.waitFor(
    () => {
      const now = count();
      const still = now > 0 && now === last;
      last = now;
      expect(still).toBe(true);
    },
    { timeout: 60_000, interval: 500 },
  );
}

describe.each(findKubectls())('kubectl $version', (kubectl) => {
  let k: KubectlRunner;
  beforeAll(() => {
    k = new KubectlRunner(kubectl, apiserver.url, home);
  });

  test('exec: both outputs and the exit code', async () => {
    const { code, stdout, stderr } = await k.run(['exec', 'p', '--', 'sh', '-c', 'echo out; echo err >&2; exit 3']);
    expect({ code, stdout }).toEqual({ code: 3, stdout: 'out\n' });
    expect(stderr).toBe('err\ncommand terminated with exit code 3\n');
  });

  test('exec: success', async () => {
    expect(await k.run(['exec', 'p', '--', 'echo', 'hello'])).toEqual({ code: 0, stdout: 'hello\n', stderr: '' });
    expect(apiserver.lastUpgrade).toBe(kubectl.upgrade);
  });

  test('exec: short commands never lose their output', async () => {
    const runs = await Promise.all(Array.from({ length: 8 }, (_, i) => k.run(['exec', 'p', '--', 'echo', String(i)])));
    expect(runs.map((run) => run.stdout)).toEqual(runs.map((_, i) => `${i}\n`));
  });

  test('exec: stdin reaches the command and its end is told', async () => {
    const { code, stdout } = await k.run(['exec', '-i', 'p', '--', 'sh', '-c', 'cat; echo end'], 'some input\n');
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'some input\nend\n' });
  });

  test('exec: 50 MB there and back are unchanged', async () => {
    const file = join(home, 'random');
    const { stdout, stderr, code } = await k.script(
      `set -o pipefail; head -c ${50 * MB} /dev/urandom >${file}; sha256sum <${file}; $K exec -i p -- cat <${file} | sha256sum`,
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [sent, received] = stdout.trim().split('\n');
    expect(received).toBe(sent);
  });

  test('exec: a command that does not read its stdin ends all the same', async () => {
    const { code, stdout } = await k.script(`head -c ${20 * MB} /dev/zero | $K exec -i p -- echo done`);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'done\n' });
  });

  test('exec: terminal with resizes', async () => {
    const go = join(home, `go-${kubectl.version}`);
    const resizeLater = `(until [ -e ${go} ]; do sleep 0.1; done; stty rows 44 cols 122 </dev/tty)`;
    const command = `read line; echo "read $line"; exit 7`;
    writeFileSync(join(home, 'tty.sh'), `stty rows 33 cols 111; ${resizeLater} & $K exec -it p -- sh -c '${command}'`);
    const script = spawn('script', ['-qec', `sh ${join(home, 'tty.sh')}`, '/dev/null'], {
      env: { ...k.env, K: k.shell, TERM: 'xterm' },
    });
    let output = '';
    script.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    await vi.waitFor(() => expect(output).toContain('size 111x33'), { timeout: 60_000 });
    writeFileSync(go, '');
    await vi.waitFor(() => expect(output).toContain('size 122x44'), { timeout: 60_000 });
    // The local terminal is raw, and this command's end has no terminal that would make a newline of Return.
    script.stdin.write('typed\n');
    const [code] = (await once(script, 'close')) as [number];
    expect(output).toContain('read typed');
    expect(code).toBe(7);
  });

  test('exec: a command that cannot be started', async () => {
    const { code, stderr } = await k.run(['exec', 'p', '--', 'missing']);
    expect(code).toBe(1);
    expect(stderr).toContain('executable file not found in $PATH');
  });

  test('logs: unknown container', async () => {
    const { code, stderr } = await k.script(`$K get --raw '/api/v1/namespaces/default/pods/p/log?container=nope'`);
    expect(code).toBe(1);
    expect(stderr).toContain('container nope is not valid for pod p');
  });

  test('exec: a client that reads slowly holds the command back, and nothing piles up on the way', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const before = container.produced;
    const child = k.start('exec', 'p', '--', 'head', '-c', String(200 * MB), '/dev/zero');
    // While nobody reads its output the pipe fills, kubectl stops reading, and so must everybody behind it.
    await stands(() => container.produced - before);
    expect(container.produced - before).toBeLessThan(60 * MB);
    // Agent and pass-through are this process. What it lets go of is freed in the background, some time after a collection.
    await vi.waitFor(
      () => {
        collect();
        expect(process.memoryUsage().arrayBuffers).toBeLessThan(40 * MB);
      },
      { timeout: 60_000, interval: 500 },
    );
    let read = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      read += chunk.length;
    });
    const [code] = (await once(child, 'close')) as [number];
    expect({ code, read }).toEqual({ code: 0, read: 200 * MB });
  });

  test('exec: killing the client ends the command', async () => {
    const before = container.aborted;
    const child = k.start('exec', 'p', '--', 'sh', '-c', 'echo up; sleep 1000');
    await once(child.stdout, 'data');
    expect(container.running).toBe(1);
    child.kill('SIGKILL');
    await vi.waitFor(() => expect(container.aborted).toBe(before + 1), { timeout: 60_000 });
  });

  test('exec: so it does while back-pressure keeps everybody from reading', async () => {
    const before = container.aborted;
    const child = k.start('exec', '-i', 'p', '--', 'sleep', '1000');
    child.stdin.on('error', () => {});
    const zeros = Buffer.alloc(MB);
    const consumed = container.consumed;
    for (let i = 0; i < 64; i++) child.stdin.write(zeros);
    await stands(() => container.consumed - consumed);
    expect(container.consumed - consumed).toBeLessThan(4 * MB);
    child.kill('SIGKILL');
    await vi.waitFor(() => expect(container.aborted).toBe(before + 1), { timeout: 60_000 });
  });

  test('attach: talks with the main process', async () => {
    const { code, stdout } = await k.run(['attach', '-i', 'p'], 'one\ntwo\n');
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'got one\ngot two\n' });
  });

  test('logs', async () => {
    expect(await k.run(['logs', 'p'])).toEqual({ code: 0, stdout: 'line 1\nline 2\nline 3\n', stderr: '' });
  });

  test('logs -f: line by line, and ends with the container', async () => {
    const go = join(home, `log-${kubectl.version}`);
    container.log = `echo line 1; until [ -e ${go} ]; do sleep 0.1; done; echo line 2; echo line 3`;
    try {
      const child = k.start('logs', '-f', 'p');
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
      await vi.waitFor(() => expect(output).toBe('line 1\n'), { timeout: 60_000 });
      writeFileSync(go, '');
      const [code] = (await once(child, 'close')) as [number];
      expect(code).toBe(0);
      expect(output).toBe('line 1\nline 2\nline 3\n');
    } finally {
      container.log = LOG;
    }
  });

  test('logs -f: killing the client ends the log', async () => {
    container.log = 'echo begin; sleep 1000';
    try {
      const child = k.start('logs', '-f', 'p');
      await once(child.stdout, 'data');
      child.kill('SIGKILL');
      await vi.waitFor(() => expect(container.running).toBe(0), { timeout: 60_000 });
    } finally {
      container.log = LOG;
    }
  });

  describe('port-forward', () => {
    async function forward(port: number): Promise<{ local: number; stop: () => void; stderr: () => string }> {
      const child = k.start('port-forward', 'p', `:${port}`);
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', (chunk: Buffer) => {
        stdout += chunk.toString();
      });
      child.stderr.on('data', (chunk: Buffer) => {
        stderr += chunk.toString();
      });
      const local = await vi.waitFor(
        () => {
          const found = /127\.0\.0\.1:(\d+) ->/.exec(stdout)?.[1];
          if (!found) throw new Error(`no port yet: ${stdout}${stderr}`);
          return Number(found);
        },
        { timeout: 60_000 },
      );
      return { local, stop: () => void child.kill('SIGKILL'), stderr: () => stderr };
    }

    test('many requests, some at once, one large', async () => {
      const body = Buffer.alloc(5 * MB, 'x');
      const server = createHttpServer((request, response) =>
        response.end(request.url === '/large' ? body : request.url),
      );
      const { local, stop } = await forward(await listen(server));
      const fetchText = (path: string) =>
        new Promise<string>((resolve, reject) => {
          get({ port: local, path, agent: false }, (response) => {
            let text = '';
            response.setEncoding('latin1').on('data', (chunk: string) => {
              text += chunk;
            });
            response.on('end', () => resolve(text));
          }).on('error', reject);
        });
      const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => fetchText(`/${i}`)));
      expect(answers).toEqual(answers.map((_, i) => `/${i}`));
      expect((await fetchText('/large')).length).toBe(body.length);
      expect(apiserver.lastUpgrade).toBe(kubectl.upgrade);
      await vi.waitFor(() => expect(container.connections).toBe(0), { timeout: 60_000 });
      stop();
      server.close();
    });

    test('half-close is passed on', async () => {
      const server = createServer({ allowHalfOpen: true }, (socket) => {
        let received = 0;
        socket.on('data', (chunk) => {
          received += chunk.length;
        });
        socket.on('end', () => socket.end(`received ${received}`));
      });
      const { local, stop } = await forward(await listen(server));
      const socket = connect({ port: local, allowHalfOpen: true });
      socket.end(Buffer.alloc(MB));
      let answer = '';
      for await (const chunk of socket) answer += String(chunk);
      expect(answer).toBe(`received ${MB}`);
      stop();
      server.close();
    });

    test('a port nobody listens on', async () => {
      const [port = 0] = await freePorts(1);
      const { local, stop, stderr } = await forward(port);
      const socket = connect({ port: local });
      socket.on('error', () => {});
      await once(socket, 'close');
      await vi.waitFor(() => expect(stderr()).toContain('ECONNREFUSED'), { timeout: 60_000 });
      stop();
    });
  });
});
