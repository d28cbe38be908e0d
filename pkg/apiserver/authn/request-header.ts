import { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { certificatesIn } from '#pki/bundle.ts';
import type { UserInfo } from '../request/context.ts';

/** Which front proxies are believed, and in which headers they say for whom they ask. */
export interface RequestHeaderOptions {
  /** Authority of their client certificates, PEM. */
  readonly ca: Buffer;
  /** Common names of those certificates; empty: any. */
  readonly allowedNames: readonly string[];
  readonly usernameHeaders: readonly string[];
  readonly uidHeaders: readonly string[];
  readonly groupHeaders: readonly string[];
  readonly extraPrefixes: readonly string[];
}

/** The key of an extra, whose name of a header is escaped like a URL; one that is not is meant as it stands. */
export function unescaped(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

/** The identity that the headers claim. @returns undefined when they name nobody */
export function claimedIdentity(
  headers: NodeJS.Dict<string[]>,
  o: Omit<RequestHeaderOptions, 'ca' | 'allowedNames'>,
): UserInfo | undefined {
  const first = (names: readonly string[]): string | undefined =>
    names.map((n) => headers[n.toLowerCase()]?.[0]).find((v) => v);
  const name = first(o.usernameHeaders);
  if (!name) return undefined;
  const uid = first(o.uidHeaders);
  const groups = o.groupHeaders.flatMap((n) => headers[n.toLowerCase()] ?? []);
  const extra: Record<string, string[]> = {};
  for (const [header, values] of Object.entries(headers)) {
    const prefix = o.extraPrefixes.find((p) => header.startsWith(p.toLowerCase()));
    if (prefix && values) extra[unescaped(header.slice(prefix.length)).toLowerCase()] = values;
  }
  const more = Object.keys(extra).length > 0 ? { extra } : {};
  return { name, groups, ...(uid ? { uid } : {}), ...more };
}

/** What a certificate is good for. */
interface Verdict {
  /** The headers say who is asking. */
  readonly believed: boolean;
  /** What is known when they name nobody: whether it may be a client's certificate, too. */
  readonly else: 'invalid' | undefined;
}

const OTHER: Verdict = { believed: false, else: undefined };

/**
 * Believes the identity that an authenticating proxy with a certificate of the right authority claims ("Authenticating
 * Proxy"). @returns undefined for requests of anybody else; 'invalid' for a proxy that names nobody or must not be believed,
 * if its certificate is for nothing else
 */
export function requestHeaders(
  o: RequestHeaderOptions,
  clientCa: Buffer,
): (request: IncomingMessage) => UserInfo | 'invalid' | undefined {
  const authorities = certificatesIn(o.ca.toString());
  const clients = certificatesIn(clientCa.toString());
  /** Verdicts by connection: a handshake is looked at once. */
  const known = new WeakMap<object, Verdict>();

  const look = (socket: TLSSocket): Verdict => {
    const peer = typeof socket.getPeerCertificate === 'function' ? socket.getPeerCertificate() : undefined;
    if (!peer?.raw || !socket.authorized) return OTHER;
    const certificate = new X509Certificate(peer.raw);
    const issuedBy = (cas: readonly X509Certificate[]): boolean =>
      cas.some((ca) => certificate.checkIssued(ca) && certificate.verify(ca.publicKey));
    if (!issuedBy(authorities)) return OTHER;
    const { CN } = peer.subject as unknown as { CN?: string | string[] };
    const name = Array.isArray(CN) ? CN[0] : CN;
    const believed = o.allowedNames.length === 0 || (name !== undefined && o.allowedNames.includes(name));
    return { believed, else: issuedBy(clients) ? undefined : 'invalid' };
  };

  return (request) => {
    let verdict = known.get(request.socket);
    if (!verdict) {
      verdict = look(request.socket as TLSSocket);
      known.set(request.socket, verdict);
    }
    const user = verdict.believed ? claimedIdentity(request.headersDistinct, o) : undefined;
    return user ?? verdict.else;
  };
}
