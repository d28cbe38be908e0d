import type { CertificateSigningRequest } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { errors } from '#api/meta/errors.ts';
import type { Authorizer } from '../authz/rules.ts';
import type { AdmissionPlugin, Attributes } from './types.ts';

const GROUP = 'certificates.k8s.io';
const CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client';

/** Nobody becomes an administrator by certificate (CertificateSubjectRestriction). */
async function refuseMasters(a: Attributes): Promise<void> {
  const { spec } = a.object as CertificateSigningRequest;
  if (spec?.signerName !== CLIENT_SIGNER) return;
  let organizations: readonly string[] = [];
  try {
    // Such requests are rare: the parser is loaded with the first one.
    const { requestFacts } = await import('#pki/request.ts');
    organizations = requestFacts(Buffer.from(spec.request ?? '', 'base64').toString('latin1')).organizations;
  } catch {
    // What is no request at all is refused by its signer.
  }
  if (!organizations.includes('system:masters')) return;
  const why = 'use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed';
  throw errors.forbidden(a.resource.ref, a.name, why);
}

/**
 * Requests name who made them, whatever they say; who approves or signs must be allowed to for the signer
 * ("Certificates and Certificate Signing Requests", CertificateApproval, CertificateSigning).
 */
export function certificateAdmission(authorizer: Authorizer): AdmissionPlugin {
  const may = (a: Attributes, verb: string, signer: string): boolean => {
    const ask = (name: string): boolean =>
      authorizer.allows(a.user, {
        verb,
        isResource: true,
        group: GROUP,
        resource: 'signers',
        subresource: '',
        namespace: '',
        name,
        path: '',
      });
    return ask(signer) || ask(`${signer.split('/')[0]}/*`);
  };
  const isRequest = (a: Attributes): boolean =>
    a.resource.kind.group === GROUP && a.resource.kind.plural === 'certificatesigningrequests';

  return {
    name: 'CertificateApproval',
    admit(a) {
      if (!isRequest(a) || a.operation !== 'CREATE' || a.subresource !== '') return;
      const request = a.object as CertificateSigningRequest;
      if (!request.spec) return;
      const { username: _n, uid: _u, groups: _g, extra: _e, ...spec } = request.spec;
      const { name, uid, groups, extra } = a.user;
      request.spec = { ...spec, username: name, groups: [...groups], ...(uid ? { uid } : {}) };
      if (extra) {
        request.spec.extra = Object.fromEntries(Object.entries(extra).map(([k, v]) => [k, [...v]]));
      }
    },
    async validate(a) {
      if (isRequest(a) && a.operation === 'CREATE' && a.subresource === '') await refuseMasters(a);
      if (!isRequest(a) || a.operation !== 'UPDATE') return;
      const old = a.oldObject as CertificateSigningRequest | undefined;
      const now = a.object as CertificateSigningRequest;
      const signer = old?.spec?.signerName ?? '';
      // That it failed is the signer's word, too.
      const signs =
        a.subresource === 'status' &&
        (now.status?.certificate !== old?.status?.certificate ||
          !sameJson(now.status?.conditions ?? [], old?.status?.conditions ?? []));
      const verb = a.subresource === 'approval' ? 'approve' : signs ? 'sign' : undefined;
      if (verb === undefined || may(a, verb, signer)) return;
      const why = `user not permitted to ${verb} requests with signerName "${signer}"`;
      throw errors.forbidden(a.resource.ref, a.name, why);
    },
  };
}
