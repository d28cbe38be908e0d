/** Who answers the requests of a rule. */
export interface Backend {
  readonly namespace: string;
  readonly service: string;
  /** Number or name of a port of the Service. */
  readonly port: number | string;
}

export interface CookieAffinity {
  readonly name: string;
  /** Unset: as long as the browser runs. */
  readonly maxAgeSeconds?: number;
  readonly sameSite?: 'Strict' | 'Lax' | 'None';
}

/** What pods are spoken to in: HTTP/1.1, or HTTP/2 without TLS, as gRPC needs it. */
export type Protocol = 'http1' | 'h2c';

/** What annotations of an Ingress set for all its rules. */
export interface RouteSettings {
  /** What the matched part of the path is replaced by; begins with "/". */
  readonly rewriteTarget?: string;
  /** Unset: what the port of the Service says. */
  readonly protocol?: Protocol;
  /** Plain HTTP is sent to HTTPS, where there is a certificate for the host. */
  readonly sslRedirect: boolean;
  readonly affinity?: CookieAffinity;
  /** Largest request body, bytes; 0: any. */
  readonly maxBodyBytes: number;
  readonly connectTimeoutMs: number;
  /** Longest silence of the backend while a response is awaited or under way. */
  readonly readTimeoutMs: number;
  /** Longest silence of the client while it sends a body. */
  readonly sendTimeoutMs: number;
}

/** One path of one host, or a default backend, and who answers there. */
export interface Route {
  /** "namespace/name" of the Ingress. */
  readonly ingress: string;
  readonly backend: Backend;
  readonly settings: RouteSettings;
  readonly protocol: Protocol;
  /** Number of path elements that the rule matches; those are what a rewrite replaces. */
  readonly depth: number;
  readonly exact: boolean;
  /** The host is listed under `tls` of its Ingress. */
  readonly tls: boolean;
}

/** What is wrong with an Ingress: an event about it. */
export interface Problem {
  readonly reason: string;
  readonly message: string;
}
