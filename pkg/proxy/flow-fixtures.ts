import { endpoints, servicePort } from './table/fixtures.ts';
import type { ServicePort } from './table/types.ts';

/** A flow as `conntrack` prints it. */
export const line = (to: string, port: number, from: string, fromPort = 53): string =>
  `udp      17 29 src=10.0.0.9 dst=${to} sport=4000 dport=${port} [UNREPLIED] src=${from} dst=10.0.0.9 sport=${fromPort} dport=4000 mark=0 use=1\n`;
/** A name server's Service with one endpoint. */
export const dns = (more: Partial<ServicePort> = {}): ServicePort =>
  servicePort({
    id: 'ns/dns:',
    protocol: 'udp',
    clusterIP: '10.96.0.10',
    port: 53,
    ...endpoints({ ip: '10.1.0.1', port: 53, local: false }),
    ...more,
  });
