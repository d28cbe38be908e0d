import { createHmac, timingSafeEqual } from 'node:crypto';

/** A shared secret and the name it goes by. */
export interface SharedSecret {
  readonly id: string;
  readonly secret: string;
}

const base64url = (text: string): string => Buffer.from(text).toString('base64url');

/**
 * Signs a text by a shared secret: a JWS in compact form with HS256 whose payload is left out, since whoever checks it has
 * the text (RFC 7515, appendix F; "Authenticating with Bootstrap Tokens", ConfigMap signing).
 */
export function signDetached(text: string, { id, secret }: SharedSecret): string {
  const header = base64url(JSON.stringify({ alg: 'HS256', kid: id }));
  return `${header}..${mac(header, text, secret)}`;
}

/** Whether a signature made by `signDetached`, or by somebody who follows the same documents, is of this text and secret. */
export function verifyDetached(text: string, signature: string, { id, secret }: SharedSecret): boolean {
  const [header = '', payload, given = '', more] = signature.split('.');
  if (payload !== '' || more !== undefined) return false;
  let claims: { alg?: unknown; kid?: unknown };
  try {
    claims = JSON.parse(Buffer.from(header, 'base64url').toString()) as typeof claims;
  } catch {
    return false;
  }
  if (claims?.alg !== 'HS256' || claims.kid !== id) return false;
  const [a, b] = [Buffer.from(mac(header, text, secret)), Buffer.from(given)];
  return a.length === b.length && timingSafeEqual(a, b);
}

const mac = (header: string, text: string, secret: string): string =>
  createHmac('sha256', secret)
    .update(`${header}.${base64url(text)}`)
    .digest('base64url');
