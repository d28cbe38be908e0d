import { describe, expect, test } from 'vitest';
import type { Ingress, Secret, Service } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { certificateFor } from '../fixtures.ts';
import { buildRules, type Rules } from './build.ts';
import { CertificateCache } from './certificates.ts';

type Path = [path: string, type: string, service: string];
const backend = (service: string) => ({ service: { name: service, port: { number: 80 } } });
const rule = (host: string | undefined, ...paths: Path[]) => ({
  ...(host === undefined ? {} : { host }),
  http: { paths: paths.map(([path, pathType, service]) => ({ path, pathType, backend: backend(service) })) },
});

const { cert: CERT, key: KEY } = await certificateFor(['web.example', '*.example']);
const { key: OTHER_KEY } = await certificateFor(['other']);
const YEAR_MS = 365 * 86_400_000;

let serial = 0;
const ingress = (spec: object, o: { name?: string; age?: number; annotations?: object } = {}): Stored<Ingress> => {
  const name = o.name ?? `i${serial++}`;
  const creationTimestamp = new Date(1e12 - (o.age ?? 0) * 1000).toISOString();
  const metadata = {
    name,
    namespace: 'ns',
    uid: name,
    resourceVersion: '1',
    creationTimestamp,
    annotations: o.annotations,
  };
  return { metadata, spec } as unknown as Stored<Ingress>;
};
const service = {
  spec: {
    ports: [
      { name: 'http', port: 80 },
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'h2c', port: 81, appProtocol: 'kubernetes.io/h2c' },
      { name: 'grpc', port: 82, appProtocol: 'grpc' },
      { name: 'ws', port: 83, appProtocol: 'kubernetes.io/ws' },
    ],
  },
} as Service;
const secretOf = (data: Record<string, string>): Stored<Secret> =>
  ({ metadata: { name: 's', namespace: 'ns', uid: 'u', resourceVersion: '1' }, data }) as unknown as Stored<Secret>;
const b64 = (text: string): string => Buffer.from(text).toString('base64');

const build = (ingresses: Stored<Ingress>[], secrets: Record<string, Stored<Secret>> = {}, now = Date.now()): Rules =>
  buildRules(ingresses, {
    service: (_ns, name) =>
      name === 'missing' ? undefined : ((name === 'external' ? { spec: { type: 'ExternalName' } } : service) as never),
    secret: (_ns, name) => secrets[name],
    certificates: new CertificateCache(),
    now,
  });
const who = (r: Rules, host: string, path: string): string | undefined => r.routes.find(host, path)?.backend.service;
const told = (r: Rules, i: Stored<Ingress>): string[] =>
  (r.problems.get(i.metadata.uid) ?? []).map((p) => `${p.reason}: ${p.message}`);

describe('path types, as the table of the documentation has them', () => {
  test.each<[type: string, paths: string[], request: string, matched: string | undefined]>([
    ['Prefix', ['/'], '/any/path', '/'],
    ['Exact', ['/foo'], '/foo', '/foo'],
    ['Exact', ['/foo'], '/bar', undefined],
    ['Exact', ['/foo'], '/foo/', undefined],
    ['Exact', ['/foo/'], '/foo', undefined],
    ['Prefix', ['/foo'], '/foo', '/foo'],
    ['Prefix', ['/foo'], '/foo/', '/foo'],
    ['Prefix', ['/foo/'], '/foo', '/foo/'],
    ['Prefix', ['/foo/'], '/foo/', '/foo/'],
    ['Prefix', ['/aaa/bb'], '/aaa/bbb', undefined],
    ['Prefix', ['/aaa/bbb'], '/aaa/bbb', '/aaa/bbb'],
    ['Prefix', ['/aaa/bbb/'], '/aaa/bbb', '/aaa/bbb/'],
    ['Prefix', ['/aaa/bbb'], '/aaa/bbb/', '/aaa/bbb'],
    ['Prefix', ['/aaa/bbb'], '/aaa/bbb/ccc', '/aaa/bbb'],
    ['Prefix', ['/aaa/bbb'], '/aaa/bbbxyz', undefined],
    ['Prefix', ['/', '/aaa'], '/aaa/ccc', '/aaa'],
    ['Prefix', ['/', '/aaa', '/aaa/bbb'], '/aaa/bbb', '/aaa/bbb'],
    ['Prefix', ['/', '/aaa', '/aaa/bbb'], '/ccc', '/'],
    ['Prefix', ['/aaa'], '/ccc', undefined],
    ['Prefix', ['/foo'], '/FOO', undefined],
    ['ImplementationSpecific', ['/foo'], '/foo/bar', '/foo'],
    ['ImplementationSpecific', ['/foo(/|$)(.*)'], '/foo/bar', '/foo(/|$)(.*)'],
    ['ImplementationSpecific', [''], '/foo', ''],
    ['Prefix', ['/a', '/a/b/c/d'], '/a/b/c/x/y', '/a'],
    ['Prefix', ['/a/b'], '/a', undefined],
    ['Prefix', ['/'], '/', '/'],
  ])('%s %j: %s', (type, paths, request, matched) => {
    const rules = build([ingress({ rules: [rule('h', ...paths.map((p): Path => [p, type, `for${p}`]))] })]);
    expect(who(rules, 'h', request)).toBe(matched === undefined ? undefined : `for${matched}`);
  });

  test('of equal paths the exact one is first', () => {
    const rules = build([ingress({ rules: [rule('h', ['/foo', 'Prefix', 'prefix'], ['/foo', 'Exact', 'exact'])] })]);
    expect([who(rules, 'h', '/foo'), who(rules, 'h', '/foo/'), who(rules, 'h', '/foo/x')]).toEqual([
      'exact',
      'prefix',
      'prefix',
    ]);
  });
});

describe('hosts', () => {
  const rules = build([
    ingress({
      rules: [
        rule('bar.foo.com', ['/only', 'Prefix', 'named']),
        rule('*.foo.com', ['/', 'Prefix', 'wild']),
        rule(undefined, ['/open', 'Prefix', 'any']),
      ],
    }),
    ingress({ defaultBackend: backend('last') }),
  ]);
  test.each([
    ['bar.foo.com', '/only/x', 'named'],
    ['bar.foo.com', '/else', 'wild'],
    ['x.foo.com', '/', 'wild'],
    // One label, not none and not two.
    ['foo.com', '/', 'last'],
    ['baz.bar.foo.com', '/', 'last'],
    ['other.org', '/open', 'any'],
    ['other.org', '/', 'last'],
    ['', '/', 'last'],
  ])('%s%s goes to %s', (host, path, expected) => {
    expect(who(rules, host, path)).toBe(expected);
  });
});

describe('default backends', () => {
  test('of an Ingress with rules: for its hosts, and for others when nobody else has one', () => {
    const own = ingress({ rules: [rule('a', ['/x', 'Exact', 'x'])], defaultBackend: backend('own') }, { age: 9 });
    expect([who(build([own]), 'a', '/'), who(build([own]), 'b', '/')]).toEqual(['own', 'own']);
    const both = build([own, ingress({ defaultBackend: backend('all') })]);
    expect([who(both, 'a', '/'), who(both, 'b', '/'), who(both, 'a', '/x')]).toEqual(['own', 'all', 'x']);
  });

  test('none: nobody', () => {
    expect(who(build([ingress({ rules: [rule('a', ['/x', 'Exact', 'x'])] })]), 'a', '/')).toBeUndefined();
  });
});

describe('what is wrong with one Ingress', () => {
  const good = ingress({ rules: [rule('good', ['/', 'Prefix', 'fine'])] }, { age: 50 });
  test.each<[string, object, RegExp]>([
    [
      'a resource as backend',
      { defaultBackend: { resource: { kind: 'Bucket', name: 'b' } } },
      /^Rejected: .*Bucket "b"/,
    ],
    [
      'a regular expression',
      { rules: [rule('bad', ['/(a+)+$', 'ImplementationSpecific', 'x'])] },
      /^Rejected: .*regular/,
    ],
    [
      'a Service that is not there',
      { rules: [rule('bad', ['/', 'Prefix', 'missing'])] },
      /^ServiceNotFound: .*"missing"/,
    ],
    ['an ExternalName', { rules: [rule('bad', ['/', 'Prefix', 'external'])] }, /^Rejected: .*ExternalName/],
    [
      'a port for UDP',
      { defaultBackend: { service: { name: 'x', port: { name: 'dns' } } } },
      /^ServiceNotFound: .*no TCP port dns/,
    ],
    [
      'the path of an older one',
      { rules: [rule('good', ['/', 'Prefix', 'thief'])] },
      /^Conflict: .*older Ingress ns\//,
    ],
    ['a Secret that is not there', { tls: [{ hosts: ['bad'], secretName: 'none' }] }, /^BadCertificate: .*"none"/],
  ])('%s: is told, and concerns no other', (_, spec, message) => {
    const bad = ingress({ tls: [], ...spec });
    const rules = build([bad, good]);
    expect(told(rules, bad)).toEqual([expect.stringMatching(message)]);
    expect(told(rules, good)).toEqual([]);
    expect(who(rules, 'good', '/')).toBe('fine');
  });

  test('its other rules are served', () => {
    const mixed = ingress({ rules: [rule('h', ['/[', 'ImplementationSpecific', 'x'], ['/ok', 'Prefix', 'ok'])] });
    expect(who(build([mixed]), 'h', '/ok')).toBe('ok');
  });
});

describe('certificates', () => {
  const tls = (hosts: string[] | undefined, secretName: string) =>
    ingress({ tls: [{ ...(hosts ? { hosts } : {}), secretName }], rules: [rule('web.example', ['/', 'Prefix', 'x'])] });
  const secrets = {
    good: secretOf({ 'tls.crt': b64(CERT), 'tls.key': b64(KEY) }),
    'no-key': secretOf({ 'tls.crt': b64(CERT), 'tls.key': '' }),
    garbage: secretOf({ 'tls.crt': b64('hello'), 'tls.key': b64(KEY) }),
    mixed: secretOf({ 'tls.crt': b64(CERT), 'tls.key': b64(OTHER_KEY) }),
  };

  test.each<[string, string[] | undefined, string, boolean]>([
    ['the host', ['web.example'], 'web.example', true],
    ['hosts of the rules, when none are listed', undefined, 'web.example', true],
    ['another host', ['web.example'], 'other.example', false],
    ['a wildcard', ['*.example'], 'any.example', true],
    ['not below it', ['*.example'], 'a.b.example', false],
    ['capital letters', ['web.example'], 'Web.Example', true],
  ])('%s', (_, hosts, name, found) => {
    expect(build([tls(hosts, 'good')], secrets).serverNames.find(name) !== undefined).toBe(found);
  });

  test.each([
    ['no-key', /has no key tls.key/],
    ['garbage', /tls.crt is not a certificate/],
    ['mixed', /tls.key does not fit/],
  ])('%s', (name, message) => {
    const bad = tls(['web.example'], name);
    expect(told(build([bad], secrets), bad)).toEqual([expect.stringMatching(message)]);
  });

  test('one for another host, or out of date, is shown but told of', () => {
    const bad = tls(['web.other'], 'good');
    const rules = build([bad], secrets);
    expect(rules.serverNames.find('web.other')).toBeDefined();
    expect(told(rules, bad)).toEqual([expect.stringMatching(/is not for host web.other/)]);
    const good = tls(['web.example'], 'good');
    expect(told(build([good], secrets), good)).toEqual([]);
    const late = build([good], secrets, Date.now() + 2 * YEAR_MS);
    expect(told(late, good)).toEqual([expect.stringMatching(/has expired on/)]);
  });

  test('plain HTTP is sent to HTTPS for those hosts only', () => {
    const i = ingress({
      tls: [{ hosts: ['a', '*.w'], secretName: 'good' }],
      rules: ['a', 'b', 'x.w'].map((h) => rule(h, ['/', 'Prefix', 'x'])),
    });
    const rules = build([i], secrets);
    expect(['a', 'b', 'x.w'].map((h) => rules.routes.find(h, '/')?.tls)).toEqual([true, false, true]);
  });
});

test.each<[string, object, string]>([
  ['no word of it', { number: 80 }, 'http1'],
  ['the port says HTTP/2', { number: 81 }, 'h2c'],
  ['the port says gRPC', { name: 'grpc' }, 'h2c'],
  ['the port says WebSocket', { name: 'ws' }, 'http1'],
])('what pods are spoken to in: %s', (_, port, protocol) => {
  const of = (annotations: object) => {
    const spec = {
      rules: [
        { host: 'h', http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 's', port } } }] } },
      ],
    };
    return build([ingress(spec, { annotations })]).routes.find('h', '/')?.protocol;
  };
  expect(of({})).toBe(protocol);
  // An annotation is nearer to the matter.
  expect(of({ 'ingress.coxswain.dev/backend-protocol': 'H2C' })).toBe('h2c');
  expect(of({ 'nginx.ingress.kubernetes.io/backend-protocol': 'HTTP' })).toBe('http1');
});
