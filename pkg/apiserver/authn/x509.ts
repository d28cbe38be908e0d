import type { TLSSocket } from 'node:tls';
import type { UserInfo } from '../request/context.ts';

interface Known {
  readonly user: UserInfo | 'invalid' | undefined;
  /** When the certificate ends, epoch milliseconds. */
  readonly until: number;
}

/** Verified identities per connection: a handshake is looked at once, not once per request. */
const known = new WeakMap<object, Known>();

const asList = (v: string | string[] | undefined): string[] => (v === undefined ? [] : Array.isArray(v) ? v : [v]);

/**
 * The user a client certificate names: CN is the name, every O a group ("Authenticating", X509 client certificates).
 * @returns undefined without a certificate, 'invalid' when it was not issued by the client CA or has ended since.
 */
export function userOfCertificate(socket: TLSSocket, now: number): UserInfo | 'invalid' | undefined {
  const seen = known.get(socket) ?? inspect(socket);
  known.set(socket, seen);
  return now < seen.until ? seen.user : 'invalid';
}

const NONE: Known = { user: undefined, until: Number.POSITIVE_INFINITY };
const INVALID: Known = { user: 'invalid', until: Number.POSITIVE_INFINITY };

function inspect(socket: TLSSocket): Known {
  if (typeof socket.getPeerCertificate !== 'function') return NONE;
  const cert = socket.getPeerCertificate();
  if (!cert || Object.keys(cert).length === 0) return NONE;
  if (!socket.authorized) return INVALID;
  const subject = cert.subject as unknown as Record<string, string | string[] | undefined>;
  const name = asList(subject.CN)[0];
  // One that names nobody says nothing.
  if (!name) return NONE;
  return { user: { name, groups: asList(subject.O) }, until: Date.parse(cert.valid_to) };
}
