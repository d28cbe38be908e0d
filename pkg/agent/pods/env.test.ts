import { describe, expect, test } from 'vitest';
import type { Container, Pod } from '#api/kinds/index.ts';
import { buildEnv, ConfigError, type EnvSources, expand, fieldValue, resourceValue } from './env.ts';

const pod = {
  metadata: {
    name: 'p',
    namespace: 'ns',
    uid: 'uid-1',
    labels: { b: '2', a: 'x"y' },
    annotations: { 'example.org/k': 'note' },
  },
  spec: {
    serviceAccountName: 'robot',
    containers: [
      { name: 'a', resources: { requests: { cpu: '250m', memory: '64Mi' }, limits: { cpu: '1500m' } } },
      { name: 'b', resources: { limits: { memory: '1Gi' } } },
    ],
  },
} as unknown as Pod;

const sources = (more: Partial<EnvSources> = {}): EnvSources => ({
  configMap: async (name) =>
    name === 'cm' ? { data: { k: 'from-map', o: 'other' } } : name === 'empty' ? {} : undefined,
  secret: async (name) => (name === 'sec' ? { k: 'from-secret' } : undefined),
  podIps: ['10.1.2.3', 'fd00::3'],
  hostIps: ['172.18.0.2', 'fd00::2'],
  nodeName: 'n1',
  services: [['WEB_SERVICE_HOST', '10.96.0.7']],
  allocatable: { cpu: '4', memory: '8Gi' },
  ...more,
});

test.each([
  ['$(A)-$(B)', '1-2'],
  ['$(MISSING) $(A)', '$(MISSING) 1'],
  ['$$(A)', '$(A)'],
  ['$$$(A)', '$1'],
  ['$A {A} $', '$A {A} $'],
  ['$(A', '$(A'],
])('%s becomes %s', (text, expected) => {
  expect(
    expand(
      text,
      new Map([
        ['A', '1'],
        ['B', '2'],
      ]),
    ),
  ).toBe(expected);
});

test.each([
  ['metadata.name', 'p'],
  ['metadata.namespace', 'ns'],
  ['metadata.uid', 'uid-1'],
  ['metadata.labels', 'a="x\\"y"\nb="2"'],
  ["metadata.labels['b']", '2'],
  ["metadata.annotations['example.org/k']", 'note'],
  ["metadata.annotations['missing']", ''],
  ['spec.nodeName', 'n1'],
  ['spec.serviceAccountName', 'robot'],
  ['status.podIP', '10.1.2.3'],
  ['status.hostIP', '172.18.0.2'],
  ['status.podIPs', '10.1.2.3,fd00::3'],
  ['status.hostIPs', '172.18.0.2,fd00::2'],
])('field %s', (path, expected) => {
  expect(fieldValue(pod, path, sources())).toBe(expected);
});

test('a field that is not offered', () => {
  expect(() => fieldValue(pod, 'spec.hostname', sources())).toThrow(ConfigError);
});

test.each([
  ['a', 'requests.cpu', undefined, '1'],
  ['a', 'requests.cpu', '1m', '250'],
  ['a', 'limits.cpu', undefined, '2'],
  ['a', 'requests.memory', '1Mi', '64'],
  ['a', 'limits.memory', '1Gi', '8'],
  ['b', 'limits.cpu', '0', '4'],
  ['b', 'requests.memory', undefined, '0'],
])('container %s, %s in %s: %s', (containerName, resource, divisor, expected) => {
  const ref = { containerName, resource, ...(divisor === undefined ? {} : { divisor }) };
  expect(resourceValue(pod, undefined, ref, sources().allocatable)).toBe(expected);
});

const env = async (c: object): Promise<Record<string, string>> =>
  Object.fromEntries(await buildEnv(pod, { name: 'a', ...c } as unknown as Container, sources()));

describe('environment', () => {
  test('later sources win over earlier ones', async () => {
    const got = await env({
      envFrom: [{ configMapRef: { name: 'cm' } }, { prefix: 'S_', secretRef: { name: 'sec' } }],
      env: [
        { name: 'o', value: 'own' },
        { name: 'URL', value: 'http://$(WEB_SERVICE_HOST)/$(k)/$(o)' },
        { name: 'EMPTY' },
      ],
    });
    expect(got).toEqual({
      WEB_SERVICE_HOST: '10.96.0.7',
      k: 'from-map',
      o: 'own',
      S_k: 'from-secret',
      URL: 'http://10.96.0.7/from-map/own',
      EMPTY: '',
    });
  });

  test('single values', async () => {
    const got = await env({
      env: [
        { name: 'M', valueFrom: { configMapKeyRef: { name: 'cm', key: 'k' } } },
        { name: 'S', valueFrom: { secretKeyRef: { name: 'sec', key: 'k' } } },
        { name: 'F', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        { name: 'R', valueFrom: { resourceFieldRef: { containerName: 'b', resource: 'limits.memory' } } },
        { name: 'NONE', valueFrom: { secretKeyRef: { name: 'sec', key: 'missing', optional: true } } },
      ],
    });
    expect(got).toMatchObject({ M: 'from-map', S: 'from-secret', F: 'p', R: String(2 ** 30) });
    expect(got).not.toHaveProperty('NONE');
  });

  test.each<[string, object, string]>([
    ['map', { envFrom: [{ configMapRef: { name: 'x' } }] }, 'configmap "x" not found'],
    ['secret', { envFrom: [{ secretRef: { name: 'x' } }] }, 'secret "x" not found'],
    [
      'object of a key',
      { env: [{ name: 'E', valueFrom: { configMapKeyRef: { name: 'x', key: 'k' } } }] },
      'configmap "x" not found',
    ],
    [
      'key of a map',
      { env: [{ name: 'E', valueFrom: { configMapKeyRef: { name: 'cm', key: 'q' } } }] },
      "couldn't find key q in ConfigMap ns/cm",
    ],
    [
      'key of a secret',
      { env: [{ name: 'E', valueFrom: { secretKeyRef: { name: 'sec', key: 'q' } } }] },
      "couldn't find key q in Secret ns/sec",
    ],
  ])('missing %s', async (_, c, message) => {
    await expect(env(c)).rejects.toThrow(new ConfigError(message));
  });

  test('a map without data, or an optional one that is missing, adds nothing', async () => {
    const got = await env({
      envFrom: [{ configMapRef: { name: 'empty' } }, { secretRef: { name: 'x', optional: true } }],
    });
    expect(Object.keys(got)).toEqual(['WEB_SERVICE_HOST']);
  });
});
