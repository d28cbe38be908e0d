import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensurePki, pkiFolder, planPki } from '#pki/pki.ts';
import { systemExec } from '#process/exec.ts';
import { bin } from '../../bed/layout.ts';

/** What a user sees who starts a program of ours wrongly: one sentence, and which one. */

const dir = mkdtempSync(join(tmpdir(), 'coxswain-start-'));
const nobody = join(dir, 'nobody.conf');
const pki = (file: string): string => join(pkiFolder(dir), file);
/** A port of this machine that somebody else has. */
let busy = 0;
const server = createServer();

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  busy = (server.address() as { port: number }).port;
  const config = {
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
    users: [{ name: 'u', user: { token: 'x' } }],
  };
  writeFileSync(nobody, JSON.stringify(config));
  const plan = planPki({
    server: 'https://127.0.0.1:1',
    nodeServer: 'https://127.0.0.1:1',
    apiserverHosts: [],
    nodes: { n: ['127.0.0.1'] },
  });
  await ensurePki(dir, plan, Date.now());
});
afterAll(() => {
  server.close();
  rmSync(dir, { recursive: true, force: true });
});

const pair = (certFlag: string, keyFlag: string, file: string): string[] => [
  ...[certFlag, pki(`${file}.crt`)],
  ...[keyFlag, pki(`${file}.key`)],
];
const config = ['--kubeconfig', nobody];
const quiet = ['--health-address', ''];

/** Flags with which each program would work if what it needs were there. */
const right: Readonly<Record<string, () => readonly string[]>> = {
  apiserver: () => [
    ...['--etcd-servers', 'https://127.0.0.1:1', '--bind-address', '127.0.0.1', '--secure-port', '0'],
    ...['--etcd-cafile', pki('etcd-client-ca.crt')],
    ...pair('--etcd-certfile', '--etcd-keyfile', 'apiserver-etcd-client'),
    ...pair('--tls-cert-file', '--tls-private-key-file', 'apiserver'),
    ...['--client-ca-file', pki('client-ca.crt'), '--service-account-key-file', pki('service-account.pub')],
    ...['--service-account-signing-key-file', pki('service-account.key')],
    ...pair('--kubelet-client-certificate', '--kubelet-client-key', 'apiserver-kubelet-client'),
    ...['--kubelet-certificate-authority', pki('node-ca.crt')],
  ],
  scheduler: () => [...config, ...quiet],
  'controller-manager': () => [...config, ...quiet],
  'node-agent': () => [
    ...[...config, ...quiet, '--node-name', 'n', '--node-ip', '127.0.0.1', '--root-dir', join(dir, 'agent')],
    ...[...pair('--tls-cert-file', '--tls-private-key-file', 'nodes/n'), '--client-ca-file', pki('client-ca.crt')],
    ...['--port', '0', '--network-backend', 'none'],
  ],
  proxy: () => [...config, ...quiet],
  dns: () => [...config, ...quiet, '--address', '127.0.0.1', '--port', '0'],
  ingress: () => [...config, ...quiet, '--address', '127.0.0.1', '--http-port', '0', '--https-port', '0'],
};

/** Exit code 1, and on stderr one sentence of the program that has these words, but no stack trace. */
async function expectSentence(program: string, flags: readonly string[], words: RegExp): Promise<void> {
  // It looks for a server for half a minute.
  const { code, stderr } = await systemExec(bin(program), flags, { timeoutMs: 110_000 });
  const lines = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
  expect(lines).toEqual([expect.stringMatching(new RegExp(`^${program}: [^]*${words.source}`))]);
  expect(code).toBe(1);
}

describe.each(Object.entries(right))('%s says in one sentence', (program, flags) => {
  test('that it does not know a flag', () => expectSentence(program, ['--no-such-flag'], /option '--no-such-flag'/));

  test('that it takes no arguments', () => expectSentence(program, [...flags(), 'extra'], /too many arguments/));

  test('that a value makes no sense', () =>
    expectSentence(program, [...flags(), '--log-level', 'loud'], /--log-level.*'loud' is invalid/));
});

describe.concurrent('a server that is not there', () => {
  test.each(Object.entries(right))('%s', (program, flags) =>
    expectSentence(program, flags(), /127\.0\.0\.1:1\S* cannot be reached: /),
  );
});

describe('a port in use', () => {
  const health = (): string[] => ['--health-address', `127.0.0.1:${busy}`];
  test.each<[string, () => string[]]>([
    ['apiserver', () => ['--secure-port', String(busy)]],
    ['scheduler', health],
    ['controller-manager', health],
    ['node-agent', health],
    ['node-agent', () => ['--address', '127.0.0.1', '--port', String(busy)]],
    ['proxy', health],
    ['dns', health],
    ['dns', () => ['--port', String(busy)]],
    ['ingress', health],
    ['ingress', () => ['--http-port', String(busy)]],
    ['ingress', () => ['--https-port', String(busy)]],
  ])('%s', (program, flags) =>
    expectSentence(program, [...(right[program]?.() ?? []), ...flags()], new RegExp(`${busy}.* in use`)),
  );
});

describe('files', () => {
  test.each(['scheduler', 'controller-manager', 'node-agent', 'proxy', 'dns', 'ingress'])(
    '%s without its kubeconfig',
    (program) =>
      expectSentence(program, [...(right[program]?.() ?? []), '--kubeconfig', join(dir, 'none.conf')], /\/none\.conf/),
  );

  test.each(['apiserver', 'node-agent'])('%s without its certificate', (program) =>
    expectSentence(
      program,
      [...(right[program]?.() ?? []), '--tls-cert-file', join(dir, 'none.crt')],
      /--tls-cert-file.*\/none\.crt/,
    ),
  );

  test('a kubeconfig that is none', async () => {
    writeFileSync(join(dir, 'bad.conf'), 'clusters: [');
    await expectSentence('scheduler', ['--kubeconfig', join(dir, 'bad.conf')], /bad\.conf/);
  });
});

test.each(Object.keys(right))('%s --help shows defaults as they are written', async (program) => {
  const { code, stdout } = await systemExec(bin(program), ['--help'], { timeoutMs: 60_000 });
  const defaults = [...stdout.matchAll(/\(default:\s+([^)]*)\)/g)].map(([, text]) => text);
  expect(defaults).toContain('info');
  expect(defaults.join('\n')).not.toMatch(/[{}[\]"]/);
  if (program === 'controller-manager') expect(defaults).toContain('15s');
  expect(code).toBe(0);
});

test('values only the controller manager has', async () => {
  await expectSentence('controller-manager', [...config, '--cluster-cidr', 'x'], /--cluster-cidr/);
  await expectSentence('controller-manager', [...config, '--controllers', 'nope'], /"nope" is not a controller/);
});
