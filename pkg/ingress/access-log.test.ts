import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { FakeClock } from '#async/fake-clock.ts';
import { type Access, AccessLog } from './access-log.ts';

const dir = mkdtempSync(join(tmpdir(), 'coxswain-access-'));
const file = join(dir, 'access.log');
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const access = (target: string): Access => ({
  ...{ client: '10.0.0.1', method: 'GET', host: 'h', target, status: 200, bytes: 5, ms: 1.5, tries: 1 },
  ...{ ingress: 'ns/"i"', endpoint: '10.1.0.1:80' },
});

test('a line a request; a target is cut, a flood is dropped and counted, files are of bounded size', async () => {
  const log = await AccessLog.open(file, new FakeClock());
  log.write(access('/x'));
  await log.flush();
  const [line = ''] = readFileSync(file, 'utf8').split('\n');
  expect(JSON.parse(line)).toEqual({ ...access('/x'), time: expect.stringMatching(/^\d{4}-/) });

  // More than may wait for one write.
  for (let i = 0; i < 5000; i++) log.write(access(`/${'x'.repeat(5000)}`));
  await log.flush();
  const last = JSON.parse(readFileSync(file, 'utf8').trimEnd().split('\n').at(-1) ?? '') as { dropped: number };
  expect(last.dropped).toBeGreaterThan(3000);
  expect(statSync(file).size).toBeLessThan(2 * 1024 * 1024);

  for (let round = 0; round < 40; round++) {
    for (let i = 0; i < 900; i++) log.write(access(`/${'x'.repeat(1000)}`));
    await log.flush();
  }
  expect(statSync(`${file}.1`).size).toBeLessThan(34 * 1024 * 1024);
  expect(statSync(file).size).toBeLessThan(32 * 1024 * 1024);
});

test('after a disk was full it goes on', async () => {
  mkdirSync(dir, { recursive: true });
  symlinkSync('/dev/full', file);
  const log = await AccessLog.open(file, new FakeClock());
  log.write(access('/lost'));
  await log.flush();
  rmSync(file);
  log.write(access('/kept'));
  await log.flush();
  expect(readFileSync(file, 'utf8')).toContain('"/kept"');
});
