import { expect, test } from 'vitest';
import { createRequest } from '#pki/request.ts';
import { fakeDeps } from '../fake-deps.ts';
import { ago } from '../fixtures.ts';
import { certificateApproving } from './controller.ts';

test('a request whose author has no right yet is looked at again', async () => {
  const { request } = await createRequest({ commonName: 'system:node:n', organizations: ['system:nodes'] });
  const csr = {
    metadata: { name: 'r', uid: 'r', resourceVersion: '1', creationTimestamp: ago(60) },
    spec: {
      request: Buffer.from(request).toString('base64'),
      signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
      usages: ['digital signature', 'client auth'],
      username: 'system:bootstrap:abc',
    },
  };
  let allowed = false;
  const writes: string[] = [];
  const client = {
    create: async () => ({ status: { allowed } }),
    raw: async (_method: string, path: string) => writes.push(path),
  };
  const controller = certificateApproving(fakeDeps({ CertificateSigningRequest: [csr] }, client));
  const { signal } = new AbortController();
  expect(await controller.reconcile('r', signal)).toEqual({ afterMs: 15_000 });
  allowed = true;
  expect(await controller.reconcile('r', signal)).toBeUndefined();
  expect(writes).toEqual(['/apis/certificates.k8s.io/v1/certificatesigningrequests/r/approval']);
});
