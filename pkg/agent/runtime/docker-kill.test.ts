import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type Docker from 'dockerode';
import { expect, test } from 'vitest';
import { killExec } from './docker-kill.ts';

const execOf = (child: ChildProcess, Running = true) => ({
  inspect: async () => ({ Running, Pid: child.pid ?? 0 }) as Docker.ExecInspectInfo,
});

test.each([
  ['a command that leads a group goes with what it started', true, 'sleep 3600 & echo up; wait'],
  ['one that leads none goes alone', false, 'echo up; exec sleep 3600'],
])('%s', async (_, detached, script) => {
  const child = spawn('sh', ['-c', script], { detached, stdio: ['ignore', 'pipe', 'ignore'] });
  await once(child.stdout, 'data');
  // The output is closed when the last process that holds it is gone.
  const closed = once(child, 'close');
  await killExec(execOf(child));
  expect(await closed).toEqual([null, 'SIGKILL']);
});

test('what has ended is left alone', async () => {
  const child = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] });
  await killExec(execOf(child, false));
  child.stdin.end();
  expect(await once(child, 'close')).toEqual([0, null]);
});
