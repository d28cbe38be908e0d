import { expect, test } from 'vitest';
import type { Exec } from './exec.ts';
import { ensureSysctl } from './sysctl.ts';

test.each<[string, string, number, number, string | undefined]>([
  ['right already', '1\n', 255, 1, undefined],
  ['wrong, can be set', '0\n', 0, 2, undefined],
  ['wrong, read-only', '0\n', 255, 2, 'net.x is not 1: read-only'],
])('%s', async (_, now, code, calls, problem) => {
  let count = 0;
  const exec: Exec = async (_command, args) => {
    count++;
    return args[0] === '-n' ? { code: 0, stdout: now, stderr: '' } : { code, stdout: '', stderr: 'read-only\n' };
  };
  expect(await ensureSysctl(exec, 'net.x', '1')).toBe(problem);
  expect(count).toBe(calls);
});
