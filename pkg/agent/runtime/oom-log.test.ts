import { execFileSync } from 'node:child_process';
import { appendFileSync, closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { killedIn, OomLog } from './oom-log.ts';

const A = 'a1'.repeat(32);
const B = 'b2'.repeat(32);
const line = (group: string, priority = 6): string =>
  `${priority},134115,22739926225,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=${A},mems_allowed=0,` +
  `oom_memcg=${group},task_memcg=${group},task=tail,pid=4650,uid=0\n`;

test.each([
  ['a container', line(`/kubepods/besteffort/pod7f1c/${A}`), A],
  ['a container of systemd', line(`/kubepods.slice/kubepods-pod7.slice/docker-${A}.scope`), A],
  ['a cgroup within a container', line(`/docker/${A}/inner`), A],
  ['a container within a container', line(`/docker/${A}/kubepods/pod7/${B}`), B],
  ['a service of the machine', line('/system.slice/cron.service'), undefined],
  ['what a process wrote there', line(`/docker/${A}`, 12), undefined],
  ['another record', `6,1,2,-;Memory cgroup out of memory: Killed process 4650 (${A})\n`, undefined],
])('a record of %s', (_, record, id) => {
  expect(killedIn(record)).toBe(id);
});

test('records are found when they are asked for, those of before as well, and not forgotten', () => {
  const dir = mkdtempSync(join(tmpdir(), 'oom-'));
  const path = join(dir, 'kmsg');
  execFileSync('mkfifo', [path]);
  // Whoever writes waits for a reader otherwise, and the reader sees the end without a writer.
  const kept = openSync(path, constants.O_RDWR);
  const log = OomLog.open(path);
  try {
    expect(log?.has(A)).toBe(false);
    appendFileSync(path, line(`/docker/${A}`));
    expect(log?.has(B)).toBe(false);
    expect(log?.has(A)).toBe(true);
  } finally {
    closeSync(kept);
    rmSync(dir, { recursive: true });
  }
});

test('where it cannot be read there is none', () => {
  expect(OomLog.open('/nowhere/kmsg')).toBeUndefined();
});
