import type { TLSSocket } from 'node:tls';
import type { UserInfo } from '../request/context.ts';

/** Verified identities per connection: a handshake is looked at once, not once per request. */
const known = new WeakMap<object, UserInfo | 'none' | 'invalid'>();

const asList = (v: string | string[] | undefined): string[] => (v === undefined ? [] : Array.isArray(v) ? v : [v]);

/**
 * The user a client certificate names: CN is the name, every O a group ("Authenticating", X509 client certificates).
 * @returns undefined without a certificate, 'invalid' when it was not issued by the client CA.
 */
export function userOfCertificate(socket: TLSSocket): UserInfo | 'invalid' | undefined {
  const before = known.get(socket);
  if (before !== undefined) return before === 'none' ? undefined : before;
  const found = inspect(socket);
  known.set(socket, found ?? 'none');
  return found;
}

function inspect(socket: TLSSocket): UserInfo | 'invalid' | undefined {
  if (typeof socket.getPeerCertificate !== 'function') return undefined;
  const cert = socket.getPeerCertificate();
  if (!cert || Object.keys(cert).length === 0) return undefined;
  if (!socket.authorized) return 'invalid';
  const subject = cert.subject as unknown as Record<string, string | string[] | undefined>;
  const name = asList(subject.CN)[0];
  if (!name) return 'invalid';
  return { name, groups: asList(subject.O) };
}
