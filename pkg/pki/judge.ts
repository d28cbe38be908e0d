import { createPrivateKey, type X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { PemPair } from './issue.ts';
import { parseCertificate } from './issue.ts';
import type { CertificateSpec } from './names.ts';

/** A certificate that ends sooner than this is issued anew. */
export const RENEW_BEFORE_MS = 30 * 86_400_000;

/** Why an existing certificate cannot be kept, in a few words; undefined when it is good. */
export function whyReissue(
  spec: CertificateSpec,
  pair: PemPair,
  context: { authority: PemPair; now: number },
): string | undefined {
  return attempt(() => {
    const cert = parseCertificate(pair.cert);
    const authority = parseCertificate(context.authority.cert);
    if (!cert.checkIssued(authority) || !cert.verify(authority.publicKey)) return 'signed by another authority';
    const broken = unusable(cert, pair.key, context.now);
    if (broken) return broken;
    const names = subjectOf(cert);
    if (names.commonName !== spec.commonName) return `names ${names.commonName}`;
    const wanted = [...(spec.organizations ?? [])].sort().join();
    if (names.organizations.sort().join() !== wanted) return 'other groups';
    const missing = (spec.hosts ?? []).find((h) => !coversHost(cert, h));
    return missing === undefined ? undefined : `does not name ${missing}`;
  });
}

/** The same for an authority. */
export const whyReplaceAuthority = (pair: PemPair, now: number): string | undefined =>
  attempt(() => {
    const cert = parseCertificate(pair.cert);
    return cert.ca ? unusable(cert, pair.key, now) : 'not an authority';
  });

/** Common name and organizations of a certificate's subject. */
export function subjectOf(cert: X509Certificate): { commonName: string; organizations: string[] } {
  const lines = cert.subject.split('\n').map((line) => [line.split('=', 1)[0], line.slice(line.indexOf('=') + 1)]);
  const all = (key: string): string[] => lines.filter(([k]) => k === key).map(([, v]) => v ?? '');
  return { commonName: all('CN')[0] ?? '', organizations: all('O') };
}

const coversHost = (cert: X509Certificate, host: string): boolean =>
  (isIP(host) ? cert.checkIP(host) : cert.checkHost(host, { subject: 'never' })) !== undefined;

function unusable(cert: X509Certificate, key: string, now: number): string | undefined {
  if (!cert.checkPrivateKey(createPrivateKey(key))) return 'belongs to another key';
  if (Date.parse(cert.validTo) - now < RENEW_BEFORE_MS) return `ends on ${cert.validTo}`;
  return undefined;
}

function attempt(check: () => string | undefined): string | undefined {
  try {
    return check();
  } catch {
    return 'unreadable';
  }
}
