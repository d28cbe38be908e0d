import { expect, test } from 'vitest';
import type { Exec } from '#process/exec.ts';
import { forgetPodFlows } from './pod-flows.ts';

function conntrack(answer: { code: number; stderr: string }): { exec: Exec; calls: string[] } {
  const calls: string[] = [];
  const exec: Exec = async (_command, args) => {
    calls.push(args.slice(2).join(' '));
    return { stdout: '', ...answer };
  };
  return { exec, calls };
}

test('flows to each address of the pod are ended, and no others', async () => {
  const { exec, calls } = conntrack({
    code: 0,
    stderr: 'conntrack v1.4.7 (conntrack-tools): 3 flow entries have been deleted.',
  });
  await forgetPodFlows(exec, ['10.244.1.5', 'fd00:10:244:1::5']);
  expect(calls).toEqual([
    'conntrack -D -f ipv4 --reply-src 10.244.1.5',
    'conntrack -D -f ipv6 --reply-src fd00:10:244:1::5',
  ]);
});

test('a pod nobody spoke to is no failure; anything else is', async () => {
  const none = conntrack({ code: 1, stderr: 'conntrack v1.4.7 (conntrack-tools): 0 flow entries have been deleted.' });
  await expect(forgetPodFlows(none.exec, ['10.244.1.5'])).resolves.toBeUndefined();
  const failing = conntrack({ code: 1, stderr: 'conntrack v1.4.7: Operation failed: permission denied' });
  await expect(forgetPodFlows(failing.exec, ['10.244.1.5'])).rejects.toThrow('permission denied');
});
