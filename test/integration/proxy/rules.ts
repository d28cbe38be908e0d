import { systemClock } from '#async/clock.ts';
import { FakeCaches } from '#client/fake-caches.ts';
import type { EventRecorder } from '#client/types.ts';
import type { Exec } from '#process/exec.ts';
import type { Logger } from '#process/logger.ts';
import { silentLogger } from '#process/logger.ts';
import { Proxier } from '#proxy/proxier.ts';
import type { ProxyBackend } from '#proxy/table/types.ts';

export interface RunningProxy {
  readonly proxier: Proxier;
  /** What it said of failures. */
  readonly complaints: string[];
  /** A Service comes, with endpoints in a slice. */
  add(service: ServiceOf): void;
  end(): Promise<void>;
}

export interface ServiceOf {
  readonly name: string;
  readonly clusterIP: string;
  readonly protocol?: 'TCP' | 'SCTP';
  readonly nodePort?: number;
  /** "address", at port 8080 */
  readonly endpoints: readonly string[];
}

const PORT = { name: 'http', port: 80 } as const;
export const TARGET_PORT = 8080;

/** The proxy's whole work, from informers to the kernel: Services come from the test instead of an API server. */
export function runProxy(backend: ProxyBackend, exec: Exec): RunningProxy {
  const caches = new FakeCaches();
  const complaints: string[] = [];
  const complain = (about: { readonly err?: Error }, what: string) => complaints.push(`${what}: ${about.err?.message}`);
  const logger = { ...silentLogger, error: complain, warn: complain } as unknown as Logger;
  const proxier = new Proxier({
    ...{ exec, logger, clock: systemClock, nodeName: 'n', events: {} as EventRecorder },
    informers: caches.factory,
    families: [{ family: 'IPv4', backend, others: [], always: true }],
  });
  const ended = new AbortController();
  const running = proxier.run(ended.signal);
  return {
    proxier,
    complaints,
    add({ name, clusterIP, protocol = 'TCP', nodePort, endpoints }) {
      const metadata = { namespace: 'ns', name, uid: name, resourceVersion: '1' };
      const type = nodePort === undefined ? 'ClusterIP' : 'NodePort';
      const ports = [{ ...PORT, protocol, ...(nodePort === undefined ? {} : { nodePort }) }];
      caches.set('EndpointSlice', {
        metadata: { ...metadata, labels: { 'kubernetes.io/service-name': name } },
        ...{ addressType: 'IPv4', ports: [{ name: PORT.name, port: TARGET_PORT, protocol }] },
        endpoints: endpoints.map((ip) => ({ addresses: [ip], conditions: { ready: true } })),
      } as never);
      caches.set('Service', { metadata, spec: { type, clusterIP, ports } } as never);
    },
    async end() {
      ended.abort();
      await running;
    },
  };
}
