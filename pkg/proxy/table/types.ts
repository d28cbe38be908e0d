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
  /** externalIPs and load-balancer addresses. */
  readonly externalIPs: readonly string[];
  /** Client networks allowed at load-balancer addresses; empty = all. */
  readonly sourceRanges: readonly string[];
  /** Seconds of ClientIP affinity; 0 = none. */
  readonly affinitySeconds: number;
  /** Endpoints for traffic from inside the cluster. */
  readonly internal: readonly Endpoint[];
  /** Endpoints for traffic from outside. */
  readonly external: readonly Endpoint[];
  /** externalTrafficPolicy Local: clients keep their address, remote endpoints are not used. */
  readonly externalLocal: boolean;
}

export interface ServiceTable {
  /** Sorted by id. */
  readonly ports: readonly ServicePort[];
}

/** Turns the table into kernel state, atomically and incrementally. */
export interface ProxyBackend {
  readonly name: string;
  apply(table: ServiceTable): Promise<void>;
  /** True while the kernel still holds what was applied last. */
  intact(): Promise<boolean>;
  /** Removes everything this backend ever made. */
  cleanup(): Promise<void>;
}
