import { expect, test } from 'vitest';
import type { Exec } from '#process/exec.ts';
import { type Logger, silentLogger } from '#process/logger.ts';
import { dns, line } from './flow-fixtures.ts';
import { servicePort } from './table/fixtures.ts';
import { UdpFlows } from './udp-flows.ts';

test('the kernel is asked only when a UDP service changed, and a deleted one leaves nothing', async () => {
  const calls: string[] = [];
  const exec: Exec = async (command, args) => {
    calls.push([command, ...args].join(' '));
    return { code: 0, stdout: args[0] === '-L' ? line('10.96.0.10', 53, '10.1.0.1') : '', stderr: '' };
  };
  const flows = new UdpFlows(exec, silentLogger, 'IPv4');
  const rows = [dns(), servicePort()];
  await flows.reconcile(rows);
  await flows.reconcile([...rows.slice(0, 1), servicePort()]);
  expect(calls).toEqual(['conntrack -L -f ipv4 -p udp']);
  await flows.reconcile([]);
  expect(calls.at(-1)).toBe('conntrack -D -f ipv4 -p udp --orig-dst 10.96.0.10 --dport 53 --reply-src 10.1.0.1');
});

test('a kernel that could not be asked is asked again, though no service changes', async () => {
  const calls: string[] = [];
  let code = 1;
  const exec: Exec = async (command, args) => {
    calls.push([command, ...args].join(' '));
    return { code, stdout: line('10.96.0.10', 53, '10.1.0.2'), stderr: '' };
  };
  const warnings: unknown[] = [];
  const flows = new UdpFlows(exec, { ...silentLogger, warn: (o: unknown) => warnings.push(o) } as Logger, 'IPv4');
  await flows.reconcile([dns()]);
  await flows.again();
  expect([calls.length, warnings.length]).toEqual([2, 1]);
  code = 0;
  await flows.again();
  expect(calls.at(-1)).toMatch(/ -D .*--reply-src 10\.1\.0\.2$/);
  await flows.again();
  expect(calls).toHaveLength(4);
});

test('however many flows are stale, all are ended', async () => {
  const ended: string[] = [];
  const stale = Array.from({ length: 600 }, (_, i) => line('10.96.0.10', 53, `10.2.${i >> 8}.${i & 255}`)).join('');
  const exec: Exec = async (_, args) => {
    if (args[0] === '-D') ended.push(args.at(-1) ?? '');
    return { code: 0, stdout: args[0] === '-L' ? stale : '', stderr: '' };
  };
  await new UdpFlows(exec, silentLogger, 'IPv4').reconcile([dns()]);
  expect(new Set(ended).size).toBe(600);
});
