import { expect, test } from 'vitest';
import { requestProblem } from './pkcs10.ts';

/** Made by openssl, CN=jane, O=dev. */
const DER =
  'MIHWMH8CAQAwHTENMAsGA1UEAwwEamFuZTEMMAoGA1UECgwDZGV2MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEa7zjMO5udzB8' +
  'w1ZpmEvvoImgdGL0PSPVcDesfQgYkdWjH0SQpl5EH3FItMvtl7+6W9cuiou12w2L3pKmBz+DOKAAMAoGCCqGSM49BAMCA0cAMEQC' +
  'IHHvK5/hvoWfZuHmmNP08th4MxjxjKHiz0VRJjt7Xv0zAiAjww42O21Q3z1eI4MHNxJSyzeWe382Ce+1VCr4BVXIcw==';
const pem = (body: string, what = 'CERTIFICATE REQUEST'): string =>
  `-----BEGIN ${what}-----\n${body}\n-----END ${what}-----\n`;

test('a request', () => {
  expect(requestProblem(pem(DER))).toBeUndefined();
  // Lines of any length, and text around it, as openssl writes with -text.
  const lines = (DER.match(/.{1,64}/g) ?? []).join('\r\n');
  expect(requestProblem(`Certificate Request:\n${pem(lines)}`)).toBeUndefined();
});

test.each([
  ['nothing', '', /PEM block type/],
  ['no PEM', DER, /PEM block type/],
  ['another PEM', pem(DER, 'CERTIFICATE'), /PEM block type/],
  ['an empty block', pem(''), /structure error/],
  ['words', pem(Buffer.from('garbage').toString('base64')), /structure error/],
  ['a beginning', pem(DER.slice(0, 200)), /structure error/],
  [
    'something behind it',
    pem(Buffer.concat([Buffer.from(DER, 'base64'), Buffer.from([0])]).toString('base64')),
    /structure error/,
  ],
  ['other content', pem(Buffer.from([0x30, 3, 2, 1, 0]).toString('base64')), /structure error/],
  ['endless lengths', pem(Buffer.from([0x30, 0x84, 255, 255, 255, 255]).toString('base64')), /structure error/],
])('%s', (_what, text, problem) => expect(requestProblem(text)).toMatch(problem));
