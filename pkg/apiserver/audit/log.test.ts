import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { silentLogger } from '#process/logger.ts';
import { ANONYMOUS } from '../authn/authenticator.ts';
import { parseRequestInfo } from '../request/info.ts';
import { attempted } from './attempted.ts';
import { AuditLog } from './log.ts';
import type { AuditPolicy } from './policy.ts';

const request = { url: '/', headers: {}, socket: {} } as unknown as IncomingMessage;

/** A request for a namespace of that name. */
const asked = (name: string) => ({
  ...{ info: parseRequestInfo('GET', `/api/v1/namespaces/${name}`, false), user: { name: 'jane', groups: [] } },
  ...{ request, body: Buffer.alloc(0), received: 0 },
});

test('a log that cannot be put aside grows on, until it can', () => {
  const dir = mkdtempSync(join(tmpdir(), 'coxswain-audit-log-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, 'audit.log');
  const policy: AuditPolicy = { rules: [{ level: 'Metadata' }], omitStages: ['RequestReceived'] };
  const log = new AuditLog({ path, policy, maxBytes: 1, backups: 1 }, silentLogger);
  const record = (name: string): void => {
    const r = asked(name);
    log.record({ ...r, code: 200, annotations: log.begin(r) });
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

test.each(['Metadata', 'None'] as const)(
  'of a request at %s the policy is asked once, whatever its stages',
  (level) => {
    const dir = mkdtempSync(join(tmpdir(), 'coxswain-audit-log-'));
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
    const path = join(dir, 'audit.log');
    let times = 0;
    const policy: AuditPolicy = {
      get rules() {
        times++;
        return [{ level }];
      },
    };
    const log = new AuditLog({ path, policy, maxBytes: 1 << 20, backups: 0 }, silentLogger);
    const r = asked('a');
    const annotations = log.begin(r);
    log.started({ ...r, code: 200, annotations });
    log.record({ ...r, code: 200, annotations });
    log.close();
    expect(times).toBe(1);
    expect(readFileSync(path, 'utf8').match(/"stage":"\w+"/g) ?? []).toEqual(
      level === 'None' ? [] : ['"stage":"RequestReceived"', '"stage":"ResponseStarted"', '"stage":"ResponseComplete"'],
    );
  },
);

test.each([
  ['/', {}, false, 'no credentials provided'],
  ['/', { authorization: 'Bearer x' }, false, 'attempted: bearer'],
  ['/?access_token=y', { authorization: 'basic eA==' }, true, 'attempted: basic, access_token, x509'],
  ['/?watch=1', { authorization: 'Digest x' }, true, 'attempted: x509'],
])('%s with %o, certificate: %s: %s', (url, headers, certified, why) => {
  const socket = { getPeerX509Certificate: () => (certified ? {} : undefined) };
  expect(attempted({ url, headers, socket } as unknown as IncomingMessage)).toBe(`Authentication failed, ${why}`);
});

test('who could not be authenticated is written down when refused', () => {
  const dir = mkdtempSync(join(tmpdir(), 'coxswain-audit-log-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, 'audit.log');
  const rules = [{ level: 'Metadata' as const }];
  const log = new AuditLog({ path, policy: { rules }, maxBytes: 1 << 20, backups: 0 }, silentLogger);
  log.record({ ...asked('a'), user: ANONYMOUS, code: 401 });
  log.close();
  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({
    stage: 'ResponseStarted',
    user: {},
    responseStatus: { code: 401, message: 'Authentication failed, no credentials provided' },
  });
});
