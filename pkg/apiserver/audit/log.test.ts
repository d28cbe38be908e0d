import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { silentLogger } from '#process/logger.ts';
import { parseRequestInfo } from '../request/info.ts';
import { AuditLog } from './log.ts';

test('a log that cannot be put aside grows on, until it can', () => {
  const dir = mkdtempSync(join(tmpdir(), 'coxswain-audit-log-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, 'audit.log');
  const log = new AuditLog({ path, policy: { rules: [{ level: 'Metadata' }] }, maxBytes: 1, backups: 1 }, silentLogger);
  const request = { url: '/', headers: {}, socket: {} } as unknown as IncomingMessage;
  const record = (name: string): void => {
    const info = parseRequestInfo('GET', `/api/v1/namespaces/${name}`, false);
    log.record({ info, user: { name: 'jane', groups: [] }, request, body: Buffer.alloc(0), code: 200, received: 0 });
  };
  const names = (file: string): string[] =>
    readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).objectRef.name);
  // In the place of the file to be made there is something that cannot be replaced.
  mkdirSync(join(`${path}.1`, 'taken'), { recursive: true });
  for (const name of ['a', 'b', 'c']) record(name);
  expect(names(path)).toEqual(['a', 'b', 'c']);
  rmSync(`${path}.1`, { recursive: true });
  record('d');
  expect(names(`${path}.1`)).toEqual(['a', 'b', 'c']);
  expect(names(path)).toEqual(['d']);
  log.close();
});
