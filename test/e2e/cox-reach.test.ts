import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { issueCertificate } from '#pki/issue.ts';
import { kubectls } from '../bed/kubectls.ts';
import { repository } from '../bed/layout.ts';
import { useCluster } from '../bed/suite.ts';
import { waitFor } from '../bed/wait.ts';
import { runLine, type Side, sideOf } from './parity/compare.ts';
import { FILES } from './parity/files.ts';
import { comparableKubectl } from './parity/kubectl.ts';
import { prepare } from './parity/prepare.ts';

/** `cox port-forward`, `cp`, `proxy` and what cox says of workloads that do not run, against a real cluster. */
const cluster = useCluster('e2e-cox-reach', { nodes: 1, apiservers: 1 });
const cox = join(repository, 'bin/cox');
let side: Side;
const children: ChildProcess[] = [];

beforeAll(async () => {
  side = sideOf(cox, { kubeconfig: cluster().kubeconfig, namespace: 'reach', files: FILES });
  await prepare(side, kubectls().at(-1) ?? '');
});

afterEach(async () => {
  for (const c of children.splice(0)) {
    if (c.exitCode === null && c.signalCode === null) {
      c.kill('SIGINT');
      await once(c, 'close');
    }
  }
});

afterAll(() => rmSync(side.folder, { recursive: true, force: true }));

/** Starts cox and waits until its output matches. @returns the match */
async function started(args: readonly string[], wanted: RegExp): Promise<RegExpExecArray> {
  const env = { ...process.env, KUBECONFIG: side.kubeconfig, HOME: side.folder };
  const child = spawn(cox, ['-n', side.namespace, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  let out = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (c: Buffer) => {
      out += c.toString();
    });
  }
  await waitFor(`${wanted} of ${args.join(' ')}, not ${out}`, () => wanted.test(out));
  return wanted.exec(out) as RegExpExecArray;
}

const get = async (port: string | undefined, path = '/'): Promise<string> =>
  (
    await fetch(`http://127.0.0.1:${port}${path}`, {
      headers: { connection: 'close' },
      signal: AbortSignal.timeout(30_000),
    })
  ).text();

test('port-forward reaches a Service, by number and by name, and goes on when the pod is replaced', async () => {
  const [, byNumber] = await started(['port-forward', 'svc/web', ':80'], /127\.0\.0\.1:(\d+) -> 8080/);
  const [, byName] = await started(['port-forward', 'deploy/web', ':http'], /127\.0\.0\.1:(\d+) -> 8080/);
  expect(await get(byName)).toMatch(/^hello from web-/);
  const before = await get(byNumber);
  expect(before).toMatch(/^hello from web-/);
  const { code } = await runLine(side, 'k delete pod -l app=web --now && k rollout status deploy/web --timeout=100s');
  expect(code).toBe(0);
  // A pod runs some time before it listens, and the roll-out may not know yet that its pods were deleted.
  const after = await waitFor('the pod in its place answers', () => get(byNumber), { timeoutMs: 120_000 });
  expect(after).toMatch(/^hello from web-/);
  expect(after).not.toBe(before);
});

test('port-forward says what is wrong', async () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['k port-forward solo', /TYPE\/NAME and list of ports are required/],
    ['k port-forward none 80', /pods "none" not found/],
    ['k port-forward solo bad', /does not have a named port 'bad'/],
    ['k port-forward svc/web 81', /Service web does not have a service port 81/],
  ];
  for (const [line, err] of cases) {
    const outcome = await runLine(side, line);
    expect({ line, code: outcome.code }).toEqual({ line, code: 1 });
    expect(outcome.err).toMatch(err);
  }
});

test('cp brings files and folders to a container and back, whole', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cox-cp-test-'));
  try {
    const big = Buffer.alloc(3 << 20, 'coxswain');
    mkdirSync(join(folder, 'tree/deep'), { recursive: true });
    writeFileSync(join(folder, 'tree/deep/a,b&c'), 'odd name');
    writeFileSync(join(folder, 'tree/big'), big);
    const run = async (line: string): Promise<void> => {
      const { code, err } = await runLine(side, `cd ${folder} && ${line}`);
      expect({ line, code, err }).toEqual({ line, code: 0, err: '' });
    };
    await run('k cp tree solo:/tmp/new -c main');
    await run('k cp tree/big solo:/tmp/other -c main');
    await run("k cp 'tree/deep/a,b&c' $NS/solo:/tmp -c main");
    await runLine(side, `cd ${folder} && k cp solo:/tmp/new back -c main; k cp solo:/tmp/other . -c main`);
    expect(readFileSync(join(folder, 'back/big')).equals(big)).toBe(true);
    expect(readFileSync(join(folder, 'other')).equals(big)).toBe(true);
    expect(readFileSync(join(folder, 'back/deep/a,b&c'), 'utf8')).toBe('odd name');
    const there = await runLine(side, 'k exec solo -c main -- cat "/tmp/a,b&c"');
    expect(there.out).toBe('odd name');
    const missing = await runLine(side, 'k cp solo:/none x -c main');
    expect(missing.code).toBe(1);
    expect(missing.err).toMatch(/No such file/);
    // A link that a container has made leads anywhere on this machine, so it is not brought here.
    await runLine(side, "k exec solo -c main -- sh -c 'mkdir /tmp/l; echo x >/tmp/l/f; ln -s /etc /tmp/l/e'");
    const links = await runLine(side, `cd ${folder} && k cp solo:/tmp/l links -c main; ls -A links`);
    expect(links).toMatchObject({ code: 0, out: 'f\n', err: expect.stringMatching(/skipping symlink: .*"\/etc"/) });
    expect((await runLine(side, 'k cp a b')).err).toMatch(/must be a remote file/);
    // What tar could not read here is not there, although the tar there is content.
    mkdirSync(join(folder, 'bin'));
    const tar = '#!/bin/sh\n/usr/bin/tar "$@"\necho "tar: x: Cannot open: Permission denied" >&2\nexit 2\n';
    writeFileSync(join(folder, 'bin/tar'), tar, { mode: 0o755 });
    const partial = await runLine(side, `cd ${folder} && PATH=${folder}/bin:$PATH && k cp tree solo:/tmp/part -c main`);
    expect(partial).toMatchObject({ code: 1, err: expect.stringMatching(/not complete: .*Permission denied/) });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('what ends a command from outside: what it dies of, and what it leaves', async () => {
  await started(['get', 'cm', 'settings', '-w'], /settings/);
  const watching = children.at(-1) as ChildProcess;
  watching.kill('SIGTERM');
  expect(await once(watching, 'close')).toEqual([null, 'SIGTERM']);
  // More than fits into a pipe, so that somebody is told that nobody reads.
  const deaf = await runLine(side, '(k get --raw /openapi/v2; echo "code $?" >&2) | head -c 1');
  expect(deaf).toEqual({ code: 0, out: '{', err: 'code 141\n' });
  const image = ['--image=coxswain/busybox:1', '--image-pull-policy=Never'];
  const flags = ['--rm', '-i', '--restart=Never', '--grace-period=1', ...image];
  await started(['run', 'brief', ...flags, '--', 'sh', '-c', 'while sleep 1; do echo begun; done'], /begun/);
  const running = children.at(-1) as ChildProcess;
  running.kill('SIGINT');
  expect(await once(running, 'close')).toEqual([null, 'SIGINT']);
  await waitFor(
    'the pod of an interrupted run is gone',
    async () => (await runLine(side, 'k get pod brief')).code === 1,
  );
});

test('proxy serves the API to this machine only', async () => {
  const [, port] = await started(['proxy', '--port=0'], /Starting to serve on 127\.0\.0\.1:(\d+)/);
  expect(JSON.parse(await get(port, `/api/v1/namespaces/${side.namespace}/pods/solo`))).toMatchObject({ kind: 'Pod' });
  expect(await get(port, `/api/v1/namespaces/${side.namespace}/pods/solo/exec`)).toBe('Forbidden\n');
  const foreign = execFileSync('curl', ['-s', '-H', 'Host: evil.example', `http://127.0.0.1:${port}/version`]);
  expect(foreign.toString()).toBe('Forbidden\n');
});

test('completion gives words, names of what there is, and leaves files to the shell', async () => {
  const complete = async (line: string): Promise<string[]> =>
    (await runLine(side, `"$PROGRAM" __complete ${line}`)).out.trimEnd().split('\n');
  // Nobody is kept waiting for a name for more than a second: on a busy machine there may be none.
  const completes = (line: string, wanted: readonly string[]): Promise<true> =>
    waitFor(line, async () => {
      expect(await complete(line)).toEqual(wanted);
      return true;
    });
  await completes('rollout st', ['status\tWait for the roll-out to end', ':words']);
  await completes('-n $NS get pods sol', ['solo', ':words']);
  await completes('logs --namespace=$NS sol', ['solo', ':words']);
  await completes('-n $NS logs solo -c si', ['side', ':words']);
  await completes('-n $NS describe deploy/w', ['deploy/web', ':words']);
  await completes('get --namespace=kube-s', ['--namespace=kube-system', ':words']);
  await completes('apply -f x', [':files']);
  await completes('exec solo -- l', [':files']);
  await completes('--server=https://127.0.0.1:1 get pods x', [':words']);
  const words = 'cox -n reach get pods so';
  const typed = `COMP_WORDS=(${words}); COMP_CWORD=5; COMP_LINE="${words}"; COMP_POINT=${words.length}`;
  const bash = `bash -c 'cox() { "$PROGRAM" "$@"; }; source <(cox completion bash); ${typed}; _cox_complete; echo "\${COMPREPLY[@]}"'`;
  await waitFor('bash', async () => (await runLine(side, bash)).out === 'solo\n');
});

test('programs named cox-… and kubectl-… are commands', async () => {
  const script = '#!/bin/sh\necho "$(basename "$0"):$*"; exit 3\n';
  for (const name of ['cox-greet', 'kubectl-greet', 'kubectl-greet-two_words', 'kubectl-get'])
    writeFileSync(join(side.folder, name), script, { mode: 0o755 });
  const run = (line: string) => runLine(side, `PATH=$PWD:$PATH; "$PROGRAM" ${line}`);
  expect(await run('greet a --b')).toMatchObject({ code: 3, out: 'cox-greet:a --b\n' });
  expect(await run('greet two-words c')).toMatchObject({ code: 3, out: 'kubectl-greet-two_words:c\n' });
  expect((await run('get nonsense')).err).toMatch(/resource type "nonsense"/);
  const list = await run('plugin list --name-only');
  expect(list.code).toBe(1);
  expect(list.out).toMatch(/^kubectl-greet-two_words$/m);
  expect(list.err).toMatch(/kubectl-get overwrites existing command: "cox get"/);
  expect((await run('gret')).err).toMatch(/unknown command "gret"/);
});

test('what keeps one from the server is told in one sentence', async () => {
  const { kubeconfig, dir, server } = cluster();
  const read = (file: string): string => readFileSync(join(dir, 'pki', file), 'utf8');
  const authority = { cert: read('client-ca.crt'), key: read('client-ca.key') };
  const spec = { file: 'old', authority: 'client', commonName: 'old', usages: ['client'] } as const;
  const ended = await issueCertificate(spec, authority, Date.now() - 400 * 86_400_000);
  writeFileSync(join(side.folder, 'ended.crt'), ended.cert);
  writeFileSync(join(side.folder, 'ended.key'), ended.key);
  const cases: readonly (readonly [string, RegExp])[] = [
    [
      '--client-certificate=ended.crt --client-key=ended.key',
      /logged in to the server[\s\S]*certificate ended on .*certs renew/,
    ],
    [`--certificate-authority=${join(dir, 'pki/client-ca.crt')}`, /not signed by the authority of the kubeconfig/],
    ['--tls-server-name=elsewhere', /certificate is for other names/],
    [`--server=${server.replace('https', 'http')}`, /does it speak https\?/],
    ['--server=https://127.0.0.1:1', /refused the connection; is the cluster up\?/],
    ['--token=abc', /You must be logged in to the server \(Unauthorized\)/],
    ['--context=none', /context "none" does not exist/],
    ['--as=nobody', /Forbidden.*User "nobody" cannot list/],
    ['--request-timeout=soon', /"soon" is not a duration/],
  ];
  for (const [flags, err] of cases) {
    const outcome = await runLine({ ...side, kubeconfig }, `k get pods ${flags}`);
    expect({ flags, code: outcome.code, out: outcome.out }).toEqual({ flags, code: 1, out: '' });
    expect(outcome.err).toMatch(err);
  }
  const trusting = `k get pods --insecure-skip-tls-verify --server=${server.replace('127.0.0.1', 'localhost')} --request-timeout=60s`;
  expect((await runLine(side, trusting)).code).toBe(0);
});

test('a proxy on the way to the server, as the kubeconfig names it', async () => {
  const asked: string[] = [];
  const proxy = createServer().on('connect', (request, socket: Socket) => {
    asked.push(request.url ?? '');
    // Nobody but it knows where the server is: what does not come this way comes to nothing.
    const { hostname, port } = new URL(cluster().server);
    const there = connect(Number(port), hostname, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      there.pipe(socket).pipe(there);
    });
    for (const end of [there, socket]) end.on('error', () => end.destroy());
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  try {
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const kubeconfig = join(side.folder, 'by-proxy.conf');
    copyFileSync(side.kubeconfig, kubeconfig);
    const through = { ...side, kubeconfig };
    const name = (await runLine(through, "k config view -o jsonpath='{.clusters[0].name}'")).out;
    const elsewhere = '--server=https://elsewhere.invalid:6443 --tls-server-name=kubernetes.default.svc';
    await runLine(through, `k config set-cluster ${name} --proxy-url=${url} ${elsewhere}`);
    expect(await runLine(through, 'k get cm settings -o name')).toMatchObject({ code: 0, out: 'configmap/settings\n' });
    expect(new Set(asked)).toEqual(new Set(['elsewhere.invalid:6443']));
    // What changes over to another protocol goes through it, too.
    expect(await runLine(through, 'k exec solo -c main -- echo there')).toMatchObject({ code: 0, out: 'there\n' });
    await runLine(through, `k config set-cluster ${name} --proxy-url=ftp://127.0.0.1:1`);
    expect((await runLine(through, 'k get cm')).err).toMatch(/proxy-url "ftp:.*is no proxy: it takes http/);
  } finally {
    proxy.close();
    proxy.closeAllConnections();
  }
});

test('get everything shows objects of every type', async () => {
  const { code, out } = await runLine(side, 'k get everything -o name');
  expect(code).toBe(0);
  for (const name of ['pod/solo', 'configmap/settings', 'secret/keys', 'deployment.apps/web', 'serviceaccount/default'])
    expect(out.split('\n').filter((l) => l === name)).toEqual([name]);
});

test('top shows what nodes and pods use, as kubectl does', async () => {
  const measured = async (): Promise<boolean> => {
    const answers = await Promise.all(['k top pod solo', 'k top node node1'].map((line) => runLine(side, line)));
    return answers.every((a) => a.code === 0);
  };
  await waitFor('figures of the pod and the node', measured, { timeoutMs: 90_000 });
  // Figures change between two looks, columns do not.
  const shape = (text: string): string => text.replace(/\d+(m|Mi|%)/g, 'N$1').replace(/ +/g, ' ');
  const kubectl = comparableKubectl();
  const lines: readonly (readonly [string, RegExp])[] = [
    ['k top nodes', /^NAME CPU\(cores\) CPU\(%\) MEMORY\(bytes\) MEMORY\(%\) ?\nnode1 Nm N% NMi N% ?\n$/],
    ['k top node node1 --no-headers --show-capacity', /^node1 Nm N% NMi N% ?\n$/],
    [
      'k top pod solo --containers',
      /^POD NAME CPU\(cores\) MEMORY\(bytes\) ?\nsolo main Nm NMi ?\nsolo side Nm NMi ?\n$/,
    ],
    ['k top pods -l app=solo --sum', /^NAME CPU\(cores\) MEMORY\(bytes\) ?\nsolo Nm NMi ?\n/],
    ['k top pods -l app=none', /^$/],
  ];
  // An agent that is not quick enough with its figures is passed over.
  const figures = (of: Side, line: string) =>
    waitFor(line, async () => {
      const outcome = await runLine(of, line);
      return outcome.code === 0 && outcome;
    });
  for (const [line, wanted] of lines) {
    const ours = await figures(side, line);
    expect(shape(ours.out)).toMatch(wanted);
    if (!kubectl) continue;
    const theirs = await figures({ ...side, program: kubectl }, line);
    const seen = ({ code, out, err }: typeof ours) => ({ line, code, out: shape(out).replace(/ $/gm, ''), err });
    expect(seen(ours)).toEqual(seen(theirs));
  }
  expect((await runLine(side, 'k top pods --sort-by=age')).err).toMatch(/accepts only cpu or memory/);
});
