import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

/** By what a client has tried to say who it is, for the log of a request whose client nobody knows. In Kubernetes' words. */
export function attempted({ headers, url = '', socket }: IncomingMessage): string {
  const scheme = /^\s*(basic|bearer) +\S/i.exec(headers.authorization ?? '')?.[1]?.toLowerCase();
  const token = new URLSearchParams(url.split('?')[1]).get('access_token')?.trim();
  const certificate = (socket as Partial<TLSSocket>).getPeerX509Certificate?.();
  const ways = [...(scheme ? [scheme] : []), ...(token ? ['access_token'] : []), ...(certificate ? ['x509'] : [])];
  return ways.length > 0
    ? `Authentication failed, attempted: ${ways.join(', ')}`
    : 'Authentication failed, no credentials provided';
}
