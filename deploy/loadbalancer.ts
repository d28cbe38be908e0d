/** One address before several API servers. */
export interface LoadBalancerShape {
  /** host:port to listen on. */
  readonly listen: readonly string[];
  /** host:port of each API server. */
  readonly servers: readonly string[];
  /** CA of the API servers' certificates. */
  readonly caFile: string;
}

/**
 * What is asked of each API server. One that ended is known by the first connections it refuses. One that is not ready, or
 * does not answer, has five chances, about 7 and 18 s: it may only be busy, or etcd electing a leader, and to cut its
 * connections (a `kubectl exec`, all of the watches) would make that worse. Then they are cut, so that watches move to
 * another server.
 */
const checks = (caFile: string): string => `
  option httpchk GET /readyz
  http-check expect status 200
  default-server check check-ssl verify required ca-file ${caFile} inter 3s fastinter 1s downinter 1s fall 5 rise 1 on-marked-down shutdown-sessions
  default-server observe layer4 error-limit 3 on-error mark-down`;

/**
 * Configuration of haproxy: TCP through and through, so that client certificates reach the API server. A single API server is
 * not asked how it is: there is no other to send anybody to.
 */
export function renderLoadBalancer(shape: LoadBalancerShape): string {
  return `global
  maxconn 4000
  log stderr format raw daemon notice

defaults
  mode tcp
  log global
  timeout connect 2s
  # Watches are quiet for long; API servers send bookmarks and end them in time.
  timeout client 1h
  timeout server 1h
  timeout check 2s
  option clitcpka
  option srvtcpka
  retries 3
  option redispatch 1

frontend api
${shape.listen.map((address) => `  bind ${address}`).join('\n')}
  default_backend apiservers

backend apiservers
  balance leastconn${shape.servers.length > 1 ? checks(shape.caFile) : ''}
${shape.servers.map((address, i) => `  server apiserver${i + 1} ${address}`).join('\n')}
`;
}
