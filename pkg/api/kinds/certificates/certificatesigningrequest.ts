import { defineKind, topLevel } from '../../kind.ts';
import { copyJson } from '../../meta/copy.ts';
import { duplicate, type FieldError, invalid, notSupported, required, tooLong } from '../../meta/fielderrors.ts';
import { dnsLabel, dnsSubdomain } from '../../meta/names.ts';
import { apiTime } from '../../meta/time.ts';
import { arr, bytes, f, int32, map, objectsIn, req, str, type TypeOf, time } from '../../schema/schema.ts';
import { immutable, invalidFor } from '../check/check.ts';
import { ConditionStatus } from '../core/values.ts';
import { ageColumn, column, NONE, nameColumn } from '../print/columns.ts';
import { humanDuration } from '../print/duration.ts';
import { stamp, validateApproval, validateIssued } from './decisions.ts';
import { requestProblem } from './pkcs10.ts';

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

const MIN_SECONDS = 600;
const MAX_DOMAIN = 253;
/** Two domains, a label, and what stands between them. */
const MAX_SIGNER = 2 * MAX_DOMAIN + 63 + 2;
/** Signers of v1beta1 went by it when none was named. */
const LEGACY = 'kubernetes.io/legacy-unknown';
const USAGES = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
];

/** The problems of one label are told, and no further one looked at. */
function labelProblems(path: string, text: string, check: (label: string) => string[]): FieldError[] {
  const wrong = text.split('.').find((label) => check(label).length > 0);
  if (wrong === undefined) return [];
  return invalidFor(
    path,
    text,
    check(wrong).map((m) => `validating label ${JSON.stringify(wrong)}: ${m}`),
  );
}

/** "example.com/name": who signs, named by a domain of its own. */
function validateSigner(path: string, name: string): FieldError[] {
  const [domain = '', rest = '', ...more] = name.split('/');
  if (!name.includes('/') || more.length > 0) {
    const why = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
    return [invalid(path, name, why)];
  }
  const found = domain.length > MAX_DOMAIN ? [tooLong(path, MAX_DOMAIN)] : [];
  found.push(...labelProblems(path, domain, dnsLabel));
  if (!domain.includes('.')) {
    found.push(invalid(path, domain, 'should be a domain with at least two segments separated by dots'));
  }
  found.push(...labelProblems(path, rest, dnsSubdomain));
  if (name.length > MAX_SIGNER) found.push(tooLong(path, MAX_SIGNER));
  return found;
}

function validateRequest(o: CertificateSigningRequest, old?: CertificateSigningRequest): FieldError[] {
  if (old) return immutable('spec', o.spec, old.spec);
  const { request = '', signerName = '', usages = [], expirationSeconds: seconds } = o.spec ?? {};
  const found: FieldError[] = [];
  const problem = requestProblem(Buffer.from(request, 'base64').toString('latin1'));
  if (problem) found.push(invalid('spec.request', request, problem));
  if (usages.length === 0) found.push(required('spec.usages', 'usages must be provided'));
  for (const [i, u] of usages.entries()) {
    if (!USAGES.includes(u)) found.push(notSupported(`spec.usages[${i}]`, u, USAGES));
    if (usages.indexOf(u) < i) found.push(duplicate(`spec.usages[${i}]`, u));
  }
  if (!signerName) found.push(required('spec.signerName', 'signerName must be provided'));
  else found.push(...validateSigner('spec.signerName', signerName));
  if (signerName === LEGACY) {
    found.push(invalid('spec.signerName', signerName, 'the legacy signerName is not allowed via this API version'));
  }
  if (seconds !== undefined && seconds < MIN_SECONDS) {
    found.push(
      invalid('spec.expirationSeconds', seconds, 'may not specify a duration less than 600 seconds (10 minutes)'),
    );
  }
  return found;
}

function conditionText(o: CertificateSigningRequest): string {
  const types = new Set((o.status?.conditions ?? []).map((c) => c.type));
  const words = [
    types.has('Denied') ? 'Denied' : types.has('Approved') ? 'Approved' : 'Pending',
    ...(types.has('Failed') ? ['Failed'] : []),
    ...(o.status?.certificate ? ['Issued'] : []),
  ];
  return words.join(',');
}

/** Subresource approval decides, status carries the certificate; clients change neither. */
export const CertificateSigningRequests = defineKind<CertificateSigningRequest>({
  group: 'certificates.k8s.io',
  version: 'v1',
  kind: 'CertificateSigningRequest',
  plural: 'certificatesigningrequests',
  shortNames: ['csr'],
  namespaced: false,
  // Whatever a path can hold: kubelets' requests have names of their own making.
  nameRule: 'pathSegment',
  hasStatus: true,
  hasGeneration: false,
  subresources: ['approval'],
  schema: CertificateSigningRequestSchema,
  prepareCreate: (o) => {
    o.status = {};
  },
  prepareStatus: (o, old) => stamp(o, old, apiTime(Date.now())),
  validateStatus: validateIssued,
  // What was asked for cannot be changed, by whom neither.
  prepareUpdate: (o, old) => {
    o.spec = copyJson(old.spec);
  },
  validate: validateRequest,
  parts: {
    approval: {
      lay: (next, old) => {
        const laid = { ...old, status: { ...old.status, conditions: next.status?.conditions ?? [] } };
        stamp(laid, old, apiTime(Date.now()));
        return laid;
      },
      validate: validateApproval,
    },
  },
  fields: { 'spec.signerName': (o) => o.spec?.signerName ?? '' },
  columns: [
    nameColumn,
    ageColumn,
    column('SignerName', 'Who shall sign it.', (o) => o.spec?.signerName || NONE),
    column('Requestor', 'Who asked.', (o) => o.spec?.username ?? ''),
    column('RequestedDuration', 'Wanted lifetime.', (o) =>
      o.spec?.expirationSeconds === undefined ? NONE : humanDuration(o.spec.expirationSeconds * 1000),
    ),
    column('Condition', 'What became of it.', conditionText),
  ],
});
