import type { IpFamily } from '#api/meta/ip.ts';

/** One address behind a service port. */
export interface Endpoint {
  readonly ip: string;
  readonly port: number;
  /** Runs on this node. */
  readonly local: boolean;
}

/** What every backend turns into kernel state: backend-neutral, sorted, complete. */
export interface ServicePort {
  /** "namespace/name:port" */
  readonly id: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly clusterIP: string;
  readonly port: number;
  /** 0 = none. */
  readonly nodePort: number;
  readonly externalIPs: readonly string[];
  readonly loadBalancerIPs: readonly string[];
  /** Client networks allowed at `loadBalancerIPs`; empty = all. */
  readonly sourceRanges: readonly string[];
  /**
   * One of `sourceRanges` holds this node's own address. Where the node has an address of the load balancer, its connections
   * to that come from the very same address: they are to be let in too.
   */
  readonly openToNode: boolean;
  /** Seconds of ClientIP affinity; 0 = none. */
  readonly affinitySeconds: number;
  /** Endpoints on all nodes, or those close to this one if the Service prefers them. */
  readonly cluster: readonly Endpoint[];
  /** Endpoints for traffic from inside the cluster. */
  readonly internal: readonly Endpoint[];
  /** Endpoints for traffic from outside. */
  readonly external: readonly Endpoint[];
  /** externalTrafficPolicy Local: clients keep their address, remote endpoints are not used. */
  readonly externalLocal: boolean;
}

/** A load balancer asks a node on this port whether to send it traffic for a Service (externalTrafficPolicy Local). */
export interface HealthCheck {
  readonly namespace: string;
  readonly name: string;
  /** Of the Service, for events about it. */
  readonly uid: string;
  readonly port: number;
  /** Ready endpoints on this node. */
  readonly localEndpoints: number;
}

/** Services as one address family knows them. */
export interface ServiceTable {
  /** Sorted by id. */
  readonly ports: readonly ServicePort[];
  /** Addresses of load balancers that this node answers for on its LAN. */
  readonly announced: readonly string[];
}

/** All there is to do on a node. */
export interface ServiceTables {
  readonly families: Readonly<Record<IpFamily, ServiceTable>>;
  readonly healthChecks: readonly HealthCheck[];
}

/**
 * How a node answers on its LAN for an address: by a local route, which is all that ARP asks for, or by having the address on
 * the interface of the LAN.
 */
export type Announcing = 'route' | 'address';

/** Turns the table of one address family into kernel state, atomically and incrementally. */
export interface ProxyBackend {
  readonly name: string;
  /** How nodes answer on their LAN for addresses of load balancers while its rules are in force. */
  readonly announcing: Announcing;
  apply(table: ServiceTable): Promise<void>;
  /** True while the kernel still holds what was applied last. */
  intact(): Promise<boolean>;
  /** Removes everything this backend ever made. */
  cleanup(): Promise<void>;
}
