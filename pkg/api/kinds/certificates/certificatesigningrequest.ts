import { defineKind, topLevel } from '../../kind.ts';
import { arr, bytes, f, int32, map, objectsIn, req, str, type TypeOf, time } from '../../schema/schema.ts';
import { ConditionStatus } from '../core/values.ts';

const PKG = 'io.k8s.api.certificates.v1';
const obj = objectsIn(PKG);

export const CertificateSigningRequestSpec = obj('CertificateSigningRequestSpec', 'The certificate wanted.', {
  request: req(1, bytes, 'The request, PEM-encoded PKCS#10.'),
  signerName: req(7, str, 'Who shall sign it.'),
  expirationSeconds: f(8, int32, 'Wanted lifetime.', { ptr: true }),
  usages: f(5, arr(str), 'What the key is used for.'),
  username: f(2, str, 'Who asked; set by the server.'),
  uid: f(3, str, 'UID of who asked.'),
  groups: f(4, arr(str), 'Groups of who asked.'),
  extra: f(6, map(arr(str)), 'Further facts about who asked.'),
});
export type CertificateSigningRequestSpec = TypeOf<typeof CertificateSigningRequestSpec>;

export const CertificateSigningRequestCondition = obj(
  'CertificateSigningRequestCondition',
  'One decision about a request.',
  {
    type: req(1, str, 'Approved, Denied or Failed.'),
    status: req(6, ConditionStatus, 'True, False or Unknown.'),
    reason: f(2, str, 'Short reason, in CamelCase.'),
    message: f(3, str, 'Explanation for people.'),
    lastUpdateTime: f(4, time, 'When it was last updated.'),
    lastTransitionTime: f(5, time, 'When the status last changed.'),
  },
);
export type CertificateSigningRequestCondition = TypeOf<typeof CertificateSigningRequestCondition>;

export const CertificateSigningRequestStatus = obj('CertificateSigningRequestStatus', 'What became of a request.', {
  conditions: f(1, arr(CertificateSigningRequestCondition, { listType: 'map', mapKeys: ['type'] }), 'The decisions.'),
  certificate: f(2, bytes, 'The certificate chain, PEM.'),
});
export type CertificateSigningRequestStatus = TypeOf<typeof CertificateSigningRequestStatus>;

export const CertificateSigningRequestSchema = topLevel(
  PKG,
  'CertificateSigningRequest',
  'Asks a signer for a certificate.',
  {
    spec: req(2, CertificateSigningRequestSpec, 'The certificate wanted.'),
    status: f(3, CertificateSigningRequestStatus, 'What became of it.'),
  },
);
export type CertificateSigningRequest = TypeOf<typeof CertificateSigningRequestSchema>;

export const CertificateSigningRequests = defineKind<CertificateSigningRequest>({
  group: 'certificates.k8s.io',
  version: 'v1',
  kind: 'CertificateSigningRequest',
  plural: 'certificatesigningrequests',
  namespaced: false,
  shortNames: ['csr'],
  hasStatus: true,
  hasGeneration: false,
  subresources: ['approval'],
  schema: CertificateSigningRequestSchema,
});
