import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';

/** A whole small process: signals and exit codes can only be seen from outside. */
const PROGRAM = `
  import { createServer } from 'node:net';
  import { portFlag, runMain, UserError } from '#process/main.ts';
  await runMain('demo', (p) => p.option('--port <port>', 'where', portFlag).option('--do <what>', 'what'), async (flags, { signal, logger, featureGates }) => {
    if (flags.do === 'user') throw new UserError('the file x is missing');
    if (flags.do === 'bug') throw new Error('a bug');
    if (flags.do === 'float') void Promise.reject(new Error('floating'));
    if (flags.do === 'listen') await new Promise((ok, fail) => createServer().on('error', fail).listen(flags.port, '127.0.0.1', ok));
    if (flags.do === 'gates') console.log(JSON.stringify([...featureGates]));
    if (flags.do === 'wait') { const t = setInterval(() => {}, 1000); console.log('up'); await new Promise((r) => signal.addEventListener('abort', r)); clearInterval(t); throw signal.reason; }
    if (flags.do === 'ignore') { console.log('up'); await new Promise((r) => setTimeout(r, 120000)); }
    if (flags.do === 'float') await new Promise((r) => setTimeout(r, 120000));
    logger.info('done');
  });
`;

interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

function demo(args: readonly string[], onOutput?: (kill: (s: NodeJS.Signals) => void) => void): Promise<Outcome> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM, '--', ...args], {
    cwd: new URL('../..', import.meta.url).pathname,
  });
  const out: Outcome = { code: null, stdout: '', stderr: '' };
  child.stderr.on('data', (d: Buffer) => {
    out.stderr += d;
  });
  child.stdout.on('data', (d: Buffer) => {
    out.stdout += d;
    onOutput?.((s) => child.kill(s));
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ ...out, code })));
}

const taken = createServer();
let port = 0;
beforeAll(async () => {
  await new Promise<void>((r) => taken.listen(0, '127.0.0.1', r));
  port = (taken.address() as { port: number }).port;
});
afterAll(() => void taken.close());

test.each<[string, () => string[], string]>([
  ['an unknown flag', () => ['--prot', '1'], "demo: unknown option '--prot' (Did you mean --port?)\n"],
  ['a missing value', () => ['--port'], "demo: option '--port <port>' argument missing\n"],
  [
    'a bad value',
    () => ['--port', 'http'],
    "demo: option '--port <port>' argument 'http' is invalid. It must be a port number, 0 to 65535.\n",
  ],
  [
    'a bad log level',
    () => ['--log-level', 'loud'],
    "demo: option '--log-level <level>' argument 'loud' is invalid. It must be one of trace, debug, info, warn, error, fatal, silent.\n",
  ],
  [
    'a word too many',
    () => ['--port', '1', 'extra'],
    'demo: too many arguments. Expected 0 arguments but got 1: extra.\n',
  ],
  ['a UserError', () => ['--do', 'user'], 'demo: the file x is missing\n'],
  [
    'a port in use',
    () => ['--do', 'listen', '--port', String(port)],
    `demo: port PORT on 127.0.0.1 is in use by another program; stop it or choose another port\n`,
  ],
])('%s: one sentence and exit code 1', async (_what, args, sentence) => {
  const { code, stderr } = await demo(args());
  expect(stderr).toBe(sentence.replace('PORT', String(port)));
  expect(code).toBe(1);
});

test.each(['bug', 'float'])('%s of ours: a log line with the stack, exit code 1', async (what) => {
  const { code, stderr } = await demo(['--do', what]);
  const line = JSON.parse(stderr) as { level: number; name: string; err: { stack: string } };
  expect(line).toMatchObject({ level: 60, name: 'demo', err: { message: what === 'bug' ? 'a bug' : 'floating' } });
  expect(line.err.stack).toContain('at ');
  expect(code).toBe(1);
});

test('runs, logs to standard error, exits 0; feature gates arrive', async () => {
  const { code, stdout, stderr } = await demo(['--do', 'gates', '--feature-gates', 'A=true,B=false']);
  expect(JSON.parse(stdout)).toEqual([
    ['A', true],
    ['B', false],
  ]);
  expect(JSON.parse(stderr)).toMatchObject({ msg: 'done', name: 'demo' });
  expect(code).toBe(0);
});

test.each<NodeJS.Signals>(['SIGTERM', 'SIGINT'])('%s aborts the signal; the exit is clean', async (name) => {
  const { code, stderr } = await demo(['--do', 'wait'], (kill) => kill(name));
  expect(JSON.parse(stderr)).toMatchObject({ msg: 'stopping', signal: name });
  expect(code).toBe(0);
});

test('a second signal ends a process that does not stop', async () => {
  let again: ReturnType<typeof setInterval> | undefined;
  const { code } = await demo(['--do', 'ignore'], (kill) => {
    again ??= setInterval(() => kill('SIGTERM'), 50);
  });
  clearInterval(again);
  expect(code).toBe(1);
});
