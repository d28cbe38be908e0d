import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemExec } from '#process/exec.ts';
import { bin } from '../../bed/layout.ts';

let dir = '';
let busy = 0;
const server = createServer();

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'coxswain-start-'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  busy = (server.address() as { port: number }).port;
  const config = {
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
    users: [{ name: 'u', user: { token: 'x' } }],
  };
  writeFileSync(join(dir, 'nobody.conf'), JSON.stringify(config));
});
afterAll(() => {
  server.close();
  rmSync(dir, { recursive: true, force: true });
});

const PROGRAMS = ['apiserver', 'scheduler', 'controller-manager', 'node-agent', 'proxy'];

/** One sentence on stderr, exit code 1, and no stack trace. */
function expectSentence(r: { code: number; stderr: string }, program: string, words: RegExp): void {
  const lines = r.stderr.split('\n').filter((l) => l !== '' && !l.startsWith('{'));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(new RegExp(`^${program}: `));
  expect(lines[0]).toMatch(words);
  expect(r.stderr).not.toContain('    at ');
  expect(r.code).toBe(1);
}

test.each(PROGRAMS)('%s started wrongly', async (program) => {
  expectSentence(
    await systemExec(bin(program), ['--no-such-flag']),
    program,
    /unknown option '--no-such-flag'|required option/,
  );
});

test.concurrent.each(['scheduler', 'controller-manager', 'proxy'])(
  '%s without a reachable API server',
  async (program) => {
    const r = await systemExec(bin(program), ['--kubeconfig', join(dir, 'nobody.conf'), '--health-address', ''], {
      timeoutMs: 60_000,
    });
    expectSentence(r, program, /127\.0\.0\.1:1/);
  },
);

test('a flag that does not exist, a value that makes no sense', async () => {
  const config = ['--kubeconfig', join(dir, 'nobody.conf')];
  expectSentence(
    await systemExec(bin('scheduler'), [...config, '--no-such-flag']),
    'scheduler',
    /unknown option '--no-such-flag'/,
  );
  expectSentence(
    await systemExec(bin('controller-manager'), [...config, '--cluster-cidr', 'x']),
    'controller-manager',
    /--cluster-cidr/,
  );
  expectSentence(
    await systemExec(bin('controller-manager'), [...config, '--controllers', 'nope']),
    'controller-manager',
    /"nope" is not a controller/,
  );
});

test('a port in use', async () => {
  const r = await systemExec(bin('scheduler'), [
    '--kubeconfig',
    join(dir, 'nobody.conf'),
    '--health-address',
    `127.0.0.1:${busy}`,
  ]);
  expectSentence(r, 'scheduler', new RegExp(`${busy}.*in use`));
});

test('a kubeconfig that is not there', async () => {
  const r = await systemExec(bin('proxy'), ['--kubeconfig', join(dir, 'none.conf')]);
  expectSentence(r, 'proxy', /none\.conf/);
});
