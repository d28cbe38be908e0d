import type { Endpoint, ServicePort, ServiceTable } from './types.ts';

/** For tests: a row without endpoints, but for what is given. */
export const servicePort = (more: Partial<ServicePort> = {}): ServicePort => ({
  id: 'ns/web:http',
  protocol: 'tcp',
  clusterIP: '10.96.0.7',
  port: 80,
  nodePort: 0,
  externalIPs: [],
  loadBalancerIPs: [],
  sourceRanges: [],
  openToNode: false,
  affinitySeconds: 0,
  cluster: more.internal ?? [],
  internal: [],
  external: [],
  externalLocal: false,
  ...more,
});

/** For tests: the same endpoints for every kind of traffic. */
export const endpoints = (...ends: Endpoint[]) => ({ cluster: ends, internal: ends, external: ends });

export const table = (...ports: ServicePort[]): ServiceTable => ({ ports, announced: [] });
