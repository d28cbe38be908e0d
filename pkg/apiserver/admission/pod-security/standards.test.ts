import { expect, test } from 'vitest';
import type { Pod } from '#api/kinds/index.ts';
import { subjectOf } from './checks.ts';
import { nameOf, type Standard, standardOf, violations } from './standards.ts';

const PREFIX = 'pod-security.kubernetes.io/';
const labels = (of: Record<string, string>) =>
  Object.fromEntries(Object.entries(of).map(([k, v]) => [`${PREFIX}${k}`, v]));

/** What a standard, such as "restricted:v1.24", minds of a pod, without the details. */
function reasons(standard: string, spec: object, container: object = {}, annotations = {}): string[] {
  const [level = '', version = ''] = standard.split(':');
  const of: Standard = { level, version };
  const pod = { metadata: { annotations }, spec: { containers: [{ name: 'c', image: 'x', ...container }], ...spec } };
  const subject = subjectOf(pod as unknown as Pod);
  return subject ? violations(of, subject).map((v) => v.split(' (')[0] ?? '') : [];
}

const sysctl = (name: string) => ({ securityContext: { sysctls: [{ name, value: '1' }] } });
const ROOT = 'runAsNonRoot != true';
const ESCALATION = 'allowPrivilegeEscalation != false';
const CAPABILITIES = 'unrestricted capabilities';
const windows = { os: { name: 'windows' } };

test.each<[string, object, string[]]>([
  ['restricted:v1.7', {}, [ROOT]],
  ['restricted:v1.8', {}, [ESCALATION, ROOT]],
  ['restricted:v1.19', {}, [ESCALATION, ROOT, 'seccompProfile']],
  ['restricted:v1.22', {}, [ESCALATION, CAPABILITIES, ROOT, 'seccompProfile']],
  ['restricted:v1.22', { securityContext: { runAsUser: 0 } }, [ESCALATION, CAPABILITIES, ROOT, 'seccompProfile']],
  [
    'restricted:v1.23',
    { securityContext: { runAsUser: 0 } },
    [ESCALATION, CAPABILITIES, ROOT, 'runAsUser=0', 'seccompProfile'],
  ],
  ['restricted:v1.24', windows, [ESCALATION, CAPABILITIES, ROOT, 'seccompProfile']],
  ['restricted:v1.25', windows, [ROOT]],
  ['restricted:latest', windows, [ROOT]],
  ['restricted:v1.0', { volumes: [{ name: 'v', hostPath: { path: '/' } }] }, ['restricted volume types', ROOT]],
  ['baseline:v1.0', { volumes: [{ name: 'v', hostPath: { path: '/' } }] }, ['hostPath volumes']],
  ['baseline:v1.0', { hostNetwork: true }, ['host namespaces']],
  ['restricted:v1.33', { hostNetwork: true }, ['host namespaces', ESCALATION, CAPABILITIES, ROOT, 'seccompProfile']],
  ['restricted:latest', { hostNetwork: true }, ['host namespaces', ESCALATION, CAPABILITIES, ROOT, 'seccompProfile']],
  ['restricted:latest', { ...windows, hostNetwork: true }, ['host namespaces', ROOT]],
  ['privileged:v1.0', { hostNetwork: true }, []],
  ['baseline:v1.0', sysctl('net.ipv4.tcp_syncookies'), []],
  ['baseline:latest', sysctl('kernel.msgmax'), ['forbidden sysctls']],
  ['baseline:v1.26', sysctl('net.ipv4.ip_local_reserved_ports'), ['forbidden sysctls']],
  ['baseline:v1.27', sysctl('net.ipv4.ip_local_reserved_ports'), []],
  ['baseline:v1.28', sysctl('net.ipv4.tcp_fin_timeout'), ['forbidden sysctls']],
  ['baseline:v1.29', sysctl('net.ipv4.tcp_keepalive_probes'), []],
  ['baseline:v1.31', sysctl('net.ipv4.tcp_rmem'), ['forbidden sysctls']],
  ['baseline:v1.32', sysctl('net.ipv4.tcp_wmem'), []],
  ['baseline:v1.99', sysctl('net.ipv4.tcp_wmem'), []],
  ['baseline:v1.30', { securityContext: { seLinuxOptions: { type: 'container_engine_t' } } }, ['seLinuxOptions']],
  ['baseline:v1.31', { securityContext: { seLinuxOptions: { type: 'container_engine_t' } } }, []],
  ['baseline:v1.18', { securityContext: { seccompProfile: { type: 'Unconfined' } } }, []],
  ['baseline:v1.19', { securityContext: { seccompProfile: { type: 'Unconfined' } } }, ['seccompProfile']],
])('%s of %j: %j', (standard, spec, expected) => {
  expect(reasons(standard, spec)).toEqual(expected);
});

test('what restricted adds since a version, baseline has to say before', () => {
  const adding = (name: string) => ({ securityContext: { capabilities: { add: [name], drop: ['ALL'] } } });
  expect(reasons('restricted:v1.21', {}, adding('CHOWN'))).not.toContain(CAPABILITIES);
  expect(reasons('restricted:v1.21', {}, adding('NET_ADMIN'))).toContain('non-default capabilities');
  expect(reasons('restricted:v1.22', {}, adding('CHOWN'))).toContain(CAPABILITIES);
  expect(reasons('restricted:v1.25', windows, adding('NET_ADMIN'))).toEqual([ROOT]);
});

test.each<[string, object, object]>([
  ['host namespaces', { hostPID: true }, {}],
  ['privileged', {}, { securityContext: { privileged: true } }],
  ['hostProcess', {}, { securityContext: { windowsOptions: { hostProcess: true } } }],
  ['hostPort', {}, { ports: [{ containerPort: 1, hostPort: 1 }] }],
  ['procMount', {}, { securityContext: { procMount: 'Unmasked' } }],
  ['seLinuxOptions', { securityContext: { seLinuxOptions: { type: 'x' } } }, {}],
  ['forbidden sysctls', sysctl('kernel.msgmax'), {}],
])('what is never replaced, %s, is asked of each version of both levels', (reason, spec, container) => {
  for (const level of ['baseline', 'restricted']) {
    for (const version of ['v1.24', 'v1.33', 'latest']) {
      expect(reasons(`${level}:${version}`, spec, container)).toContain(reason);
    }
  }
});

test('before seccomp had fields, its annotations count', () => {
  const of = (value: string, name = 'c') => ({ [`container.seccomp.security.alpha.kubernetes.io/${name}`]: value });
  const pod = (value: string) => ({ 'seccomp.security.alpha.kubernetes.io/pod': value });
  const judged = (standard: string, annotations: object) => reasons(standard, {}, {}, annotations);
  expect(judged('baseline:v1.18', of('unconfined'))).toEqual(['seccompProfile']);
  expect(judged('baseline:v1.18', pod('unconfined'))).toEqual(['seccompProfile']);
  for (const good of ['runtime/default', 'docker/default', 'localhost/mine'])
    expect(judged('baseline:v1.18', { ...of(good), ...pod(good) })).toEqual([]);
  expect(judged('baseline:v1.18', of('unconfined', 'other'))).toEqual([]);
  expect(judged('baseline:v1.19', of('unconfined'))).toEqual([]);
});

test.each<[Record<string, string>, string, string, string]>([
  [{}, 'privileged:latest', 'privileged:latest', 'privileged:latest'],
  [{ enforce: 'baseline', 'enforce-version': 'v1.24' }, 'baseline:v1.24', 'privileged:latest', 'baseline:v1.24'],
  [{ enforce: 'baseline', warn: 'restricted' }, 'baseline:latest', 'privileged:latest', 'restricted:latest'],
  [{ enforce: 'baseline', 'warn-version': 'v1.30' }, 'baseline:latest', 'privileged:latest', 'baseline:v1.30'],
  [{ enforce: 'bogus', audit: 'bogus', warn: 'bogus' }, 'restricted:latest', 'privileged:latest', 'privileged:latest'],
])('%j: enforce %s, audit %s, warn %s', (given, ...wanted) => {
  const modes = ['enforce', 'audit', 'warn'] as const;
  expect(modes.map((m) => nameOf(standardOf(labels(given), m)))).toEqual(wanted);
});
