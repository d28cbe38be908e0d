import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeClock } from '#async/fake-clock.ts';
import { createAuthorization } from './credentials.ts';
import { runExecPlugin } from './exec-plugin.ts';
import { loadKubeconfig } from './kubeconfig.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'kubeconfig-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const write = (name: string, text: string): string => {
  writeFileSync(join(dir, name), text);
  return join(dir, name);
};
const base64 = (s: string): string => Buffer.from(s).toString('base64');

/** A kubeconfig with one cluster, two contexts and the given user. */
const config = (user: string): string => `
apiVersion: v1
kind: Config
current-context: main
clusters:
- name: c
  cluster: {server: 'https://10.0.0.1:6443', certificate-authority: pki/ca.crt}
- name: insecure
  cluster: {server: 'https://10.0.0.2:6443', insecure-skip-tls-verify: true, tls-server-name: kubernetes}
contexts:
- name: main
  context: {cluster: c, user: u, namespace: shop}
- name: other
  context: {cluster: insecure, user: u}
- name: dangling
  context: {cluster: nowhere, user: u}
users:
- name: u
  user: ${user}
`;

beforeEach(() => {
  mkdirSync(join(dir, 'pki'));
  write('pki/ca.crt', 'CA');
});

test('certificates in files are relative to the kubeconfig; data wins over files', async () => {
  write('pki/key', 'KEY');
  const path = write(
    'config',
    config(`{client-certificate-data: ${base64('CERT')}, client-certificate: no-such, client-key: pki/key}`),
  );
  expect(await loadKubeconfig(path, {})).toEqual({
    server: 'https://10.0.0.1:6443',
    ca: Buffer.from('CA'),
    cert: Buffer.from('CERT'),
    key: Buffer.from('KEY'),
    namespace: 'shop',
  });
});

test('another context; token, password, TLS options', async () => {
  const path = write('config', config('{token: secret}'));
  expect(await loadKubeconfig(path, {}, { context: 'other' })).toEqual({
    server: 'https://10.0.0.2:6443',
    token: 'secret',
    insecureSkipTlsVerify: true,
    tlsServerName: 'kubernetes',
  });
  const basic = await loadKubeconfig(write('config', config('{username: me, password: pw}')), {});
  expect(createAuthorization(basic, new FakeClock())()).toBe(`Basic ${base64('me:pw')}`);
});

test('$KUBECONFIG: several files count as one, missing ones are skipped', async () => {
  const first = write('first', 'current-context: main\nusers: [{name: u, user: {token: first}}]\n');
  const second = write('second', config('{token: second}'));
  const env = { KUBECONFIG: `${join(dir, 'missing')}:${first}:${second}` };
  expect(await loadKubeconfig(undefined, env)).toMatchObject({ server: 'https://10.0.0.1:6443', token: 'first' });
});

test('in a pod: the account’s files', async () => {
  mkdirSync(join(dir, 'sa'));
  write('sa/ca.crt', 'CA');
  write('sa/token', 'pod-token\n');
  write('sa/namespace', 'kube-system');
  const env = {
    KUBERNETES_SERVICE_HOST: 'fd00::1',
    KUBERNETES_SERVICE_PORT: '443',
    COXSWAIN_SERVICE_ACCOUNT_DIR: join(dir, 'sa'),
  };
  expect(await loadKubeconfig(undefined, env)).toEqual({
    server: 'https://[fd00::1]:443',
    ca: Buffer.from('CA'),
    token: 'pod-token',
    tokenFile: join(dir, 'sa/token'),
    namespace: 'kube-system',
  });
});

test.each([
  ['a missing file', () => join(dir, 'nothing'), undefined, /^the kubeconfig .*nothing cannot be read \(ENOENT\)$/],
  ['no YAML', () => write('config', '{a: ['), undefined, /is not valid YAML: /],
  ['an empty file', () => write('config', ''), undefined, /^no context is chosen/],
  ['an unknown context', () => write('config', config('{}')), 'nope', /^context "nope" does not exist in /],
  ['an unknown cluster', () => write('config', config('{}')), 'dangling', /^cluster "nowhere" does not exist in /],
  [
    'a missing key file',
    () => write('config', config('{client-key: gone}')),
    undefined,
    /gone cannot be read \(ENOENT\)$/,
  ],
  [
    'a missing token file',
    () => write('config', config('{tokenFile: gone}')),
    undefined,
    /^the token file .*gone cannot be read/,
  ],
])('%s: one sentence', async (_what, path, context, message) => {
  await expect(loadKubeconfig(path(), {}, context ? { context } : {})).rejects.toMatchObject({
    name: 'UserError',
    message: expect.stringMatching(message),
  });
});

test('a token file is read again when a minute has passed, and survives a moment without it', async () => {
  const file = write('token', 'one');
  const clock = new FakeClock();
  const authorization = createAuthorization({ server: '', token: 'zero', tokenFile: file }, clock);
  expect(authorization()).toBe('Bearer one');
  write('token', 'two\n');
  await clock.advance(59_000);
  expect(authorization()).toBe('Bearer one');
  await clock.advance(1000);
  expect(authorization()).toBe('Bearer two');
  rmSync(file);
  await clock.advance(60_000);
  expect(authorization()).toBe('Bearer two');
});

function plugin(script: string): string {
  const path = write('plugin.sh', `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return './plugin.sh';
}

test('a credential program: its token is used, and renewed when it expires', async () => {
  const clock = new FakeClock();
  const expires = new Date(clock.now() + 100_000).toISOString();
  const command = plugin(
    `n=$(cat ${dir}/n 2>/dev/null || echo 0); echo $((n+1)) > ${dir}/n; test "$EXTRA" = yes || exit 9
     case "$KUBERNETES_EXEC_INFO" in *ExecCredential*) ;; *) exit 8;; esac
     echo '{"status":{"token":"t'$n'","expirationTimestamp":"${expires}"}}'`,
  );
  const credential = await runExecPlugin({ command, env: [{ name: 'EXTRA', value: 'yes' }] }, dir, clock);
  const authorization = createAuthorization({ server: '', ...credential }, clock);
  expect(authorization()).toBe('Bearer t0');
  await clock.advance(89_000);
  expect(authorization()).toBe('Bearer t0');
  await clock.advance(1000);
  expect(await Promise.all([authorization(), authorization()])).toEqual(['Bearer t1', 'Bearer t1']);
});

test('a credential program may give a certificate', async () => {
  const command = plugin(`echo '{"status":{"clientCertificateData":"CERT","clientKeyData":"KEY"}}'`);
  const path = write('config', config(`{exec: {command: ${command}, apiVersion: client.authentication.k8s.io/v1}}`));
  expect(await loadKubeconfig(path, {})).toMatchObject({ cert: Buffer.from('CERT'), key: Buffer.from('KEY') });
});

test.each([
  ['missing', './no-such', 'is not installed; get it from example.org'],
  ['failing', 'echo no luck >&2; exit 3', 'failed with code 3: no luck'],
  ['useless', 'echo {}', 'printed no credentials'],
])('a credential program that is %s: one sentence', async (what, script, message) => {
  const command = what === 'missing' ? script : plugin(script);
  const run = runExecPlugin({ command, installHint: 'get it from example.org' }, dir);
  await expect(run).rejects.toMatchObject({ name: 'UserError', message: expect.stringContaining(message) });
});
