import 'reflect-metadata';
import { generateKeyPairSync, KeyObject, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';
import type { CertificateSpec, Usage } from './names.ts';

/** A certificate and its private key (PKCS #8), both PEM. */
export interface PemPair {
  readonly cert: string;
  readonly key: string;
}

const EC = { name: 'ECDSA', namedCurve: 'P-256' } as const;
export const SIGNING = { ...EC, hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
export const AUTHORITY_MS = 3650 * DAY_MS;
export const LEAF_MS = 365 * DAY_MS;
/** Certificates begin a little in the past: the clocks of two machines differ. */
const BACKDATE_MS = 5 * 60_000;

const EXTENDED: Readonly<Record<Usage, x509.ExtendedKeyUsage>> = {
  server: x509.ExtendedKeyUsage.serverAuth,
  client: x509.ExtendedKeyUsage.clientAuth,
};

x509.cryptoProvider.set(webcrypto as never);

/** A self-signed authority, valid ten years. */
export async function createAuthority(commonName: string, now: number): Promise<PemPair> {
  const keys = await newKeys();
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: [{ CN: [commonName] }],
    ...validity(now, AUTHORITY_MS),
    signingAlgorithm: SIGNING,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return pemPair(cert, keys);
}

/** A leaf certificate signed by `authority`, valid one year. */
export async function issueCertificate(spec: CertificateSpec, authority: PemPair, now: number): Promise<PemPair> {
  const keys = await newKeys();
  const issuer = new x509.X509Certificate(authority.cert);
  const signingKey = await importSigningKey(authority.key);
  const cert = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: subject(spec),
    issuer: issuer.subjectName,
    ...validity(now, LEAF_MS),
    signingAlgorithm: SIGNING,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(spec.usages.map((u) => EXTENDED[u])),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      ...alternativeNames(spec.hosts ?? []),
    ],
  });
  return pemPair(cert, keys);
}

/** Key pair that signs and verifies service-account tokens: PKCS #8 and SPKI, PEM. */
export function createTokenKeys(): { privateKey: string; publicKey: string } {
  return generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
}

/** The CA flag, the names and the signature of a PEM certificate, by Node's own parser. */
export const parseCertificate = (pem: string): X509Certificate => new X509Certificate(pem);

/** A new key pair, which can be exported. */
export const newKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(EC, true, ['sign', 'verify']);

/** The private key of an authority, to sign with. */
export async function importSigningKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = x509.PemConverter.decodeFirst(pem);
  return webcrypto.subtle.importKey('pkcs8', der, EC, false, ['sign']);
}

function pemPair(cert: x509.X509Certificate, keys: webcrypto.CryptoKeyPair): PemPair {
  return { cert: `${cert.toString('pem')}\n`, key: keyPem(keys) };
}

/** The private key, PKCS #8. */
export const keyPem = (keys: webcrypto.CryptoKeyPair): string =>
  KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString();

/** 127 random bits: positive, and unique without a register. */
export function serial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

const validity = (now: number, ms: number): { notBefore: Date; notAfter: Date } => ({
  notBefore: new Date(now - BACKDATE_MS),
  notAfter: new Date(now + ms),
});

/** As the API reads it: the name is the user's, organizations are groups. */
export const subject = (spec: Pick<CertificateSpec, 'commonName' | 'organizations'>): x509.JsonName => [
  ...(spec.organizations ?? []).map((o) => ({ O: [o] })),
  { CN: [spec.commonName] },
];

/** The extension that names hosts and addresses; none when there are none. */
export function alternativeNames(hosts: readonly string[]): x509.Extension[] {
  if (hosts.length === 0) return [];
  const names = [...new Set(hosts)].map((value) => ({ type: isIP(value) ? 'ip' : 'dns', value }) as const);
  return [new x509.SubjectAlternativeNameExtension(names)];
}
