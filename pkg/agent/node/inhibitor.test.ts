import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { silentLogger } from '#process/logger.ts';
import { ShutdownInhibitor, saysShutdown } from './inhibitor.ts';

const said = (data: unknown[]): string =>
  JSON.stringify({ type: 'signal', member: 'PrepareForShutdown', payload: { type: 'b', data } });

test.each([
  [said([true]), true],
  [said([false]), false],
  [JSON.stringify({ type: 'signal', member: 'NameAcquired', payload: { type: 's', data: [':1.1'] } }), false],
  ['', false],
  ['Monitoring bus message stream.', false],
])('%s', (line, shutdown) => {
  expect(saysShutdown(line)).toBe(shutdown);
});

describe('with programs that behave as those of systemd', () => {
  const dir = mkdtempSync(join(tmpdir(), 'inhibitor-'));
  afterAll(() => rmSync(dir, { recursive: true }));
  const file = (name: string) => join(dir, name);
  const program = (name: string, script: string) =>
    writeFileSync(file(name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const there = (name: string) => vi.waitFor(() => expect(existsSync(file(name))).toBe(true), { timeout: 60_000 });

  test('the lock is held until pods have ended', async () => {
    program('busctl', `until [ -e ${file('down')} ]; do sleep 0.05; done; echo '${said([true])}'; exec sleep 60`);
    program(
      'systemd-inhibit',
      `trap "touch ${file('given-back')}; exit" TERM; touch ${file('held')}; while :; do sleep 0.05; done`,
    );
    const pods = Promise.withResolvers<void>();
    const began = Promise.withResolvers<void>();
    const inhibitor = new ShutdownInhibitor({
      logger: silentLogger,
      command: (name, args) => [file(name), args],
      goesDown: () => {
        began.resolve();
        return pods.promise;
      },
    });
    inhibitor.start();
    await there('held');
    writeFileSync(file('down'), '');
    await began.promise;
    expect(existsSync(file('given-back'))).toBe(false);
    pods.resolve();
    await there('given-back');
  });

  test('a machine without systemd goes on without', async () => {
    const told = Promise.withResolvers<void>();
    const logger = { ...silentLogger, info: () => told.resolve() } as typeof silentLogger;
    const goesDown = vi.fn();
    const inhibitor = new ShutdownInhibitor({ logger, command: (name, args) => [file(`no-${name}`), args], goesDown });
    inhibitor.start();
    await told.promise;
    inhibitor.close();
    expect(goesDown).not.toHaveBeenCalled();
  });
});
