import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import {
  alternativeNames,
  importSigningKey,
  keyPem,
  newKeys,
  type PemPair,
  SIGNING,
  serial,
  subject,
} from './issue.ts';

/** What a certificate request asks for. */
export interface RequestFacts {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly alternativeNames: readonly AlternativeName[];
}

/** RFC 5280 §4.2.1.6, as far as certificates of ours have them. */
export interface AlternativeName {
  /** "dns", "ip", "email", "url" … */
  readonly type: string;
  readonly value: string;
}

/** Whom a certificate is wanted for. */
export interface RequestSubject {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  /** Host names and IP addresses. */
  readonly hosts?: readonly string[];
}

const EXTENDED: Readonly<Record<string, x509.ExtendedKeyUsage>> = {
  'client auth': x509.ExtendedKeyUsage.clientAuth,
  'server auth': x509.ExtendedKeyUsage.serverAuth,
};
const KEY_USAGES: Readonly<Record<string, x509.KeyUsageFlags>> = {
  'digital signature': x509.KeyUsageFlags.digitalSignature,
  'key encipherment': x509.KeyUsageFlags.keyEncipherment,
};
const BACKDATE_MS = 5 * 60_000;

const alternativeNamesOf = (request: x509.Pkcs10CertificateRequest): x509.SubjectAlternativeNameExtension | undefined =>
  request.extensions.find((e) => e instanceof x509.SubjectAlternativeNameExtension);

/** @throws Error if the text is no PKCS#10 request */
export function requestFacts(pem: string): RequestFacts {
  const request = new x509.Pkcs10CertificateRequest(pem);
  const names = alternativeNamesOf(request)?.names.items ?? [];
  return {
    commonName: request.subjectName.getField('CN')[0] ?? '',
    organizations: request.subjectName.getField('O'),
    alternativeNames: names.map(({ type, value }) => ({ type, value })),
  };
}

/** A new key and the PKCS#10 request for a certificate for it, both PEM. */
export async function createRequest(
  wanted: RequestSubject,
): Promise<{ readonly request: string; readonly key: string }> {
  const keys = await newKeys();
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: subject(wanted),
    keys,
    signingAlgorithm: SIGNING,
    extensions: alternativeNames(wanted.hosts ?? []),
  });
  return { request: `${request.toString('pem')}\n`, key: keyPem(keys) };
}

export interface SigningTerms {
  /** As in a CertificateSigningRequest: "client auth", "digital signature" … */
  readonly usages: readonly string[];
  /** Epoch milliseconds. */
  readonly now: number;
  readonly lifetimeMs: number;
}

/**
 * Signs a request as it is, with the usages given; the certificate never outlives its authority.
 * @throws Error if the request is not signed with its own key
 */
export async function signRequest(pem: string, authority: PemPair, terms: SigningTerms): Promise<string> {
  const request = new x509.Pkcs10CertificateRequest(pem);
  if (!(await request.verify())) throw new Error('the request is not signed with the key it is for');
  const issuer = new x509.X509Certificate(authority.cert);
  const names = alternativeNamesOf(request);
  const flags = terms.usages.reduce((sum, u) => sum | (KEY_USAGES[u] ?? 0), 0);
  const extended = terms.usages.flatMap((u) => EXTENDED[u] ?? []);
  const cert = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: request.subject,
    issuer: issuer.subjectName,
    notBefore: new Date(terms.now - BACKDATE_MS),
    notAfter: new Date(Math.min(terms.now + terms.lifetimeMs, issuer.notAfter.getTime())),
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    publicKey: request.publicKey,
    signingKey: await importSigningKey(authority.key),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(flags, true),
      new x509.ExtendedKeyUsageExtension(extended),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      ...(names ? [names] : []),
    ],
  });
  return `${cert.toString('pem')}\n`;
}
