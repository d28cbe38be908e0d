import { expect, test } from 'vitest';
import { systemExec } from './exec.ts';

const node = process.execPath;

test('output, code and input', async () => {
  const script = `process.stdin.on('data', (d) => process.stdout.write(d)).on('end', () => { console.error('bad'); process.exit(3); })`;
  expect(await systemExec(node, ['-e', script], { input: 'grüße' })).toEqual({
    code: 3,
    stdout: 'grüße',
    stderr: 'bad\n',
  });
});

test('no shell reads the arguments', async () => {
  const { stdout } = await systemExec('echo', ['$HOME; `id`', '*']);
  expect(stdout).toBe('$HOME; `id` *\n');
});

test('a program that does not read its input is no failure', async () => {
  const { code } = await systemExec('true', [], { input: Buffer.alloc(1 << 20) });
  expect(code).toBe(0);
});

test('a program ended by a signal has the code shells give', async () => {
  expect((await systemExec('sh', ['-c', 'kill -TERM $$'])).code).toBe(143);
});

test.each([
  ['coxswain-no-such-program', 'coxswain-no-such-program is not installed'],
  ['/etc/passwd', '/etc/passwd may not be run by this user'],
])('%s: a clear error', async (command, message) => {
  await expect(systemExec(command, [])).rejects.toThrow(message);
});

test('ends at the timeout even if a grandchild keeps the pipes open', async () => {
  const started = performance.now();
  await expect(systemExec('sh', ['-c', 'sleep 50 & wait'], { timeoutMs: 100 })).rejects.toThrow(
    'sh -c sleep 50 & wait did not end within 100 ms',
  );
  expect(performance.now() - started).toBeLessThan(49_000);
});

test('ends with the signal, and does not start when it is aborted already', async () => {
  const abort = new AbortController();
  const run = systemExec('sleep', ['20'], { signal: abort.signal });
  abort.abort(new Error('stop'));
  await expect(run).rejects.toThrow('stop');
  await expect(systemExec('coxswain-no-such-program', [], { signal: abort.signal })).rejects.toThrow('stop');
});

test('bounded output', async () => {
  await expect(systemExec('yes', [], { maxOutputBytes: 100_000 })).rejects.toThrow(
    'yes printed more than 100000 bytes',
  );
});
