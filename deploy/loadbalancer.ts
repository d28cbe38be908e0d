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
 * Configuration of haproxy: TCP through and through, so that client certificates reach the API server. An API server gets
 * connections while its /readyz is well; when it is not, those it has are cut, so that watches move to another at once.
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
  balance leastconn
  option httpchk GET /readyz
  http-check expect status 200
  default-server check check-ssl verify required ca-file ${shape.caFile} inter 3s fastinter 500ms downinter 1s fall 2 rise 1
  default-server observe layer4 error-limit 1 on-error mark-down on-marked-down shutdown-sessions
${shape.servers.map((address, i) => `  server apiserver${i + 1} ${address}`).join('\n')}
`;
}
