import { X509Certificate } from 'node:crypto';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** Every certificate of a PEM bundle. @throws Error for one that is none */
export const certificatesIn = (pem: string): X509Certificate[] =>
  [...pem.matchAll(CERTIFICATE)].map(([text]) => new X509Certificate(text));
