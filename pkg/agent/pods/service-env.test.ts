import { expect, test } from 'vitest';
import type { Service } from '#api/kinds/index.ts';
import { serviceVariables } from './service-env.ts';

const service = (name: string, namespace: string, clusterIP: string, ports: object[]): Service =>
  ({ metadata: { name, namespace }, spec: { clusterIP, ports } }) as unknown as Service;

const LINKED = { namespace: 'ns', links: true };

test('all variables of a service', () => {
  const ports = [
    { name: 'web-ui', port: 80 },
    { name: 'dns', port: 53, protocol: 'UDP' },
  ];
  expect(Object.fromEntries(serviceVariables([service('my-app', 'ns', '10.96.0.7', ports)], LINKED))).toEqual({
    MY_APP_SERVICE_HOST: '10.96.0.7',
    MY_APP_SERVICE_PORT: '80',
    MY_APP_SERVICE_PORT_WEB_UI: '80',
    MY_APP_SERVICE_PORT_DNS: '53',
    MY_APP_PORT: 'tcp://10.96.0.7:80',
    MY_APP_PORT_80_TCP: 'tcp://10.96.0.7:80',
    MY_APP_PORT_80_TCP_PROTO: 'tcp',
    MY_APP_PORT_80_TCP_PORT: '80',
    MY_APP_PORT_80_TCP_ADDR: '10.96.0.7',
    MY_APP_PORT_53_UDP: 'udp://10.96.0.7:53',
    MY_APP_PORT_53_UDP_PROTO: 'udp',
    MY_APP_PORT_53_UDP_PORT: '53',
    MY_APP_PORT_53_UDP_ADDR: '10.96.0.7',
  });
});

test('an IPv6 address stands in brackets before a port', () => {
  expect(Object.fromEntries(serviceVariables([service('six', 'ns', 'fd00::7', [{ port: 80 }])], LINKED))).toMatchObject(
    {
      SIX_SERVICE_HOST: 'fd00::7',
      SIX_PORT: 'tcp://[fd00::7]:80',
      SIX_PORT_80_TCP_ADDR: 'fd00::7',
    },
  );
});

const https = [{ port: 443 }];
test.each([
  ['of the own namespace', service('a', 'ns', '10.96.0.2', https), true],
  ['of another namespace', service('a', 'other', '10.96.0.2', https), false],
  ['the API server', service('kubernetes', 'default', '10.96.0.1', https), true],
  ['headless', service('a', 'ns', 'None', https), false],
  ['without address', service('a', 'ns', '', https), false],
  ['without ports', service('a', 'ns', '10.96.0.2', []), false],
])('services %s', (_, s, shown) => {
  expect(serviceVariables([s], LINKED).length > 0).toBe(shown);
});

test('a pod that wants no links still finds the API server', () => {
  const all = [service('a', 'ns', '10.96.0.2', https), service('kubernetes', 'default', '10.96.0.1', https)];
  const names = serviceVariables(all, { namespace: 'ns', links: false }).map(([name]) => name);
  expect(names).toContain('KUBERNETES_SERVICE_HOST');
  expect(names.filter((name) => !name.startsWith('KUBERNETES_'))).toEqual([]);
});
