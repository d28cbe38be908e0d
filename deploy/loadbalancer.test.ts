import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { renderLoadBalancer } from './loadbalancer.ts';

const shape = {
  listen: ['0.0.0.0:6443', '10.89.0.1:7443'],
  servers: ['10.0.0.1:6443', '10.0.0.2:6443'],
  caFile: '/ca.crt',
};

it('listens everywhere it is told and checks every API server', () => {
  const config = renderLoadBalancer(shape);
  expect(config.match(/^ {2}bind .*$/gm)).toEqual(['  bind 0.0.0.0:6443', '  bind 10.89.0.1:7443']);
  expect(config.match(/^ {2}server .*$/gm)).toEqual([
    '  server apiserver1 10.0.0.1:6443',
    '  server apiserver2 10.0.0.2:6443',
  ]);
  expect(config).toMatch(/^ {2}default-server .*verify required ca-file \/ca\.crt/m);
});

it('does not ask how a single API server is', () => {
  expect(renderLoadBalancer({ ...shape, servers: ['10.0.0.1:6443'] })).not.toMatch(/httpchk|check-ssl/);
});

it('ends with a newline: haproxy ignores a last line without one', () => {
  expect(renderLoadBalancer(shape).endsWith('\n')).toBe(true);
});

const haproxy = ((): boolean => {
  try {
    execFileSync('haproxy', ['-v'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

it.runIf(haproxy)('is a configuration haproxy accepts', () => {
  const dir = mkdtempSync(join(tmpdir(), 'haproxy-'));
  try {
    const caFile = join(dir, 'ca.crt');
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-subj',
        '/CN=x',
        '-keyout',
        '/dev/null',
        '-out',
        caFile,
      ],
      { stdio: 'ignore' },
    );
    writeFileSync(join(dir, 'haproxy.cfg'), renderLoadBalancer({ ...shape, caFile }));
    execFileSync('haproxy', ['-c', '-f', join(dir, 'haproxy.cfg')], { stdio: 'pipe' });
  } finally {
    rmSync(dir, { recursive: true });
  }
});
