import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemExec } from '#process/exec.ts';

const script = join(import.meta.dirname, 'system.sh');
let dir: string;
let env: Record<string, string>;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'system-'));
  env = { PREFIX: join(dir, 'opt'), STATE: join(dir, 'state'), COMMAND: join(dir, 'cox'), UNITS: join(dir, 'etc') };
  for (const program of ['opt/bin/cox', 'state/run/node-agent']) {
    mkdirSync(join(dir, program, '..'), { recursive: true });
    writeFileSync(join(dir, program), '#!/bin/sh\n');
    chmodSync(join(dir, program), 0o755);
  }
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const run = (...args: string[]) => systemExec('sh', [script, ...args], { env });

test('the units are what systemd understands', async () => {
  const units = join(dir, 'units');
  expect(await run('units', units)).toMatchObject({ code: 0, stderr: '' });
  expect(readdirSync(units).sort()).toEqual(['coxswain-cluster.service', 'coxswain@.service']);
  // Other units of this machine, and that there is no docker.service on it, are not our matter.
  const check = async (unit: string): Promise<string[]> => {
    const verify = ['verify', '--man=no', '--recursive-errors=no', join(units, unit)];
    const { stdout, stderr } = await systemExec('systemd-analyze', verify);
    return (stdout + stderr).split('\n').filter((line) => /coxswain/.test(line) && !/docker\.service/.test(line));
  };
  if (existsSync('/usr/bin/systemd-analyze')) {
    expect(await check('coxswain@node-agent.service')).toEqual([]);
    expect(await check('coxswain-cluster.service')).toEqual([]);
    // It does look: a unit of ours that was broken is told of.
    writeFileSync(join(units, 'coxswain-broken.service'), '[Service]\nExecStart=/none/of/these\nRestrat=always\n');
    expect((await check('coxswain-broken.service')).join()).toMatch(/Restrat|not executable/);
  }
});

test('what is in use is not taken away', async () => {
  writeFileSync(join(dir, 'state/joined.json'), '{}');
  expect(await run('uninstall')).toMatchObject({ code: 1, stderr: expect.stringMatching(/first: cox cluster reset/) });
  expect(existsSync(join(dir, 'opt/bin/cox'))).toBe(true);
});
