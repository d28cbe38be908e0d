import { expect, test } from 'vitest';
import type { Pod, Service } from '#api/kinds/index.ts';
import { whyPorts } from './ports.ts';

const pod = (...ports: object[]): Pod => ({ spec: { containers: [{ name: 'c', ports }] } }) as unknown as Pod;
const service = (...ports: object[]): Service => ({ metadata: { name: 'web' }, spec: { ports } }) as unknown as Service;
const http = { name: 'http', containerPort: 8080 };

test.each<[string, Service, Pod[], RegExp | undefined]>([
  ['by number', service({ port: 80, targetPort: 8080 }), [pod(http)], undefined],
  ['by name', service({ port: 80, targetPort: 'http' }), [pod(http)], undefined],
  ['the same number', service({ port: 8080 }), [pod(http)], undefined],
  ['one of two containers', service({ port: 80, targetPort: 9 }), [pod(http, { containerPort: 9 })], undefined],
  ['pods that name no ports', service({ port: 80, targetPort: 9999 }), [pod()], undefined],
  ['another protocol', service({ port: 53, protocol: 'UDP' }), [pod(http)], undefined],
  ['no such name', service({ port: 80, targetPort: 'web' }), [pod(http)], /^port 80 goes to a port named "web", which/],
  ['no name at all', service({ port: 80, targetPort: 'web' }), [pod()], /^port 80 goes to a port named "web"/],
  ['no such number', service({ port: 80, targetPort: 9999 }), [pod(http)], /^port 80 goes to port 9999, which none/],
])('the target of a Service: %s', (_what, s, pods, wanted) => {
  const answer = whyPorts(s, pods);
  if (wanted) expect(answer?.because).toMatch(wanted);
  else expect(answer).toBeUndefined();
});

test('it says which ports there are', () => {
  expect(
    whyPorts(service({ port: 80, targetPort: 'web' }), [pod(http, { containerPort: 9 }), pod(http)]),
  ).toMatchObject({
    evidence: ['its pods have the ports: http 8080, 9'],
    next: 'cox describe svc web',
  });
});
