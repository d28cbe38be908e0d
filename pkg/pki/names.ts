/** The six certificate authorities. Each answers one question of trust; none stands in for another. */
export const AUTHORITIES = ['etcd-peer', 'etcd-client', 'apiserver', 'client', 'node', 'front-proxy'] as const;

/**
 * - `etcd-peer`: may this process be a member of etcd?
 * - `etcd-client`: may it read and write etcd, and is that server etcd?
 * - `apiserver`: is this server the API server? (the "root CA" of kubeconfigs and service-account volumes)
 * - `client`: who is this client of the API server or of a node agent?
 * - `node`: is this server the node agent of that node?
 * - `front-proxy`: may this client of an aggregated API server say for whom it asks?
 */
export type AuthorityName = (typeof AUTHORITIES)[number];

export type Usage = 'server' | 'client';

/** A leaf certificate that must exist: `<dir>/pki/<file>.crt` and `.key`. */
export interface CertificateSpec {
  readonly file: string;
  readonly authority: AuthorityName;
  readonly commonName: string;
  readonly organizations?: readonly string[];
  /** Host names and IP addresses. */
  readonly hosts?: readonly string[];
  readonly usages: readonly Usage[];
}

/** A kubeconfig that must exist: `<dir>/<file>`, with the certificate of `user` inside. */
export interface KubeconfigSpec {
  readonly file: string;
  readonly userName: string;
  /** `file` of the client certificate. */
  readonly certificate: string;
  readonly server: string;
}

export interface PkiPlan {
  readonly certificates: readonly CertificateSpec[];
  readonly kubeconfigs: readonly KubeconfigSpec[];
}
