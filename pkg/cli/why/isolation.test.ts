import { expect, test } from 'vitest';
import type { NetworkPolicy, Pod, Service } from '#api/kinds/index.ts';
import { whyIsolated, whyServiceIsolated } from './isolation.ts';

const pod = (spec: object = {}): Pod =>
  ({
    metadata: { name: 'web-0', namespace: 'shop', labels: { app: 'web' } },
    spec: { containers: [{ name: 'c', ports: [{ name: 'http', containerPort: 8080 }] }], ...spec },
  }) as unknown as Pod;

const policy = (spec: object, namespace = 'shop'): NetworkPolicy =>
  ({ metadata: { name: 'p', namespace }, spec: { podSelector: {}, ...spec } }) as unknown as NetworkPolicy;

const lets = (...ports: object[]) => policy({ ingress: [{ ports }] });
const SHUT = /^nobody reaches it: the NetworkPolicy that selects it has no rule that lets traffic in to 8080\/TCP$/;

test.each<[string, NetworkPolicy[], RegExp | undefined]>([
  ['there is no policy', [], undefined],
  ['a policy without rules selects it', [policy({})], SHUT],
  ['it is of another namespace', [policy({}, 'other')], undefined],
  ['it selects other pods', [policy({ podSelector: { matchLabels: { app: 'db' } } })], undefined],
  ['it is about traffic out', [policy({ policyTypes: ['Egress'] })], undefined],
  ['a rule lets everybody in', [policy({ ingress: [{}] })], undefined],
  ['a rule lets somebody in', [policy({ ingress: [{ from: [{ podSelector: {} }] }] })], undefined],
  ['another policy lets somebody in', [policy({}), lets({ port: 8080 })], undefined],
  ['the port is let in by name', [lets({ port: 'http' })], undefined],
  ['the port is in a range', [lets({ port: 8000, endPort: 8999 })], undefined],
  ['any port of the protocol is', [lets({ protocol: 'TCP' })], undefined],
  ['another port is let in', [lets({ port: 80 })], SHUT],
  ['another protocol is', [lets({ port: 8080, protocol: 'UDP' })], SHUT],
  ['an unknown name is', [lets({ port: 'admin' })], SHUT],
])('whether a pod is reached: %s', (_what, policies, wanted) => {
  const answer = whyIsolated(pod(), policies);
  if (!wanted) expect(answer).toBeUndefined();
  else {
    expect(answer?.because).toMatch(wanted);
    expect(answer?.evidence).toEqual(['networkpolicy p', 'labels app=web']);
    expect(answer?.next).toBe('cox describe networkpolicy p');
  }
});

test('nobody asks about a pod without ports, or on the network of its node', () => {
  expect(whyIsolated(pod({ containers: [{ name: 'c' }] }), [policy({})])).toBeUndefined();
  expect(whyIsolated(pod({ hostNetwork: true }), [policy({})])).toBeUndefined();
});

test('a Service is not reached when no pod of it is by its target ports', () => {
  const service = (...ports: object[]): Service => ({ spec: { ports } }) as unknown as Service;
  const web = service({ port: 80, targetPort: 'http' });
  expect(whyServiceIsolated(web, [pod()], [policy({})])?.because).toMatch(/its pods, such as web-0: .* to http\/TCP$/);
  expect(whyServiceIsolated(web, [pod()], [lets({ port: 8080 })])).toBeUndefined();
  expect(whyServiceIsolated(service({ port: 80 }), [pod()], [lets({ port: 8080 })])?.because).toMatch(/80\/TCP$/);
  const other = { ...pod(), metadata: { name: 'web-1', namespace: 'shop', labels: {} } } as unknown as Pod;
  const some = policy({ podSelector: { matchLabels: { app: 'web' } } });
  expect(whyServiceIsolated(web, [pod(), other], [some])).toBeUndefined();
  expect(whyServiceIsolated(web, [], [policy({})])).toBeUndefined();
});
