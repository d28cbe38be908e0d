import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CertificateSigningRequests, type CertificateSigningRequest as Csr, Nodes } from '#api/kinds/index.ts';
import { isForbidden } from '#api/meta/errors.ts';
import { createClient } from '#client/client.ts';
import { loadKubeconfig } from '#client/kubeconfig.ts';
import { systemExec } from '#process/exec.ts';
import { silentLogger } from '#process/logger.ts';
import { waitFor } from '../../bed/wait.ts';
import { useWorld } from './world.ts';

const world = useWorld('controllers-certificates', { hollow: 1 });

/** A key and a request for it, PEM. */
async function newRequest(subject: string): Promise<{ key: string; request: string }> {
  const file = join(world().cluster.dir, `${Math.random().toString(36).slice(2)}.key`);
  const args = ['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', file];
  const { stdout } = await systemExec('openssl', [...args, '-subj', subject]);
  return { key: readFileSync(file, 'utf8'), request: stdout };
}
const ask = async (name: string, subject: string, signer: string): Promise<string> => {
  const { key, request } = await newRequest(subject);
  const spec = {
    request: Buffer.from(request).toString('base64'),
    signerName: `kubernetes.io/${signer}`,
    usages: ['digital signature', 'client auth'],
    expirationSeconds: 3600,
    username: 'somebody-else',
  };
  await world().client.create(CertificateSigningRequests, { metadata: { name }, spec } as Csr);
  return key;
};
const issued = (name: string): Promise<string> =>
  waitFor('issued', async () => {
    const { status } = await world().client.get(CertificateSigningRequests, name);
    return status?.certificate && Buffer.from(status.certificate, 'base64').toString();
  });

test('an approved request is signed, and who made it logs in with the certificate', async () => {
  const { client, cluster } = world();
  const key = await ask('jane', '/O=dev/CN=jane', 'kube-apiserver-client');
  const made = await client.get(CertificateSigningRequests, 'jane');
  expect(made.spec?.username).not.toBe('somebody-else');
  expect(await cluster.kubectlOk(['get', 'csr', 'jane', '--no-headers'])).toMatch(/Pending\s*$/);
  await cluster.kubectlOk(['certificate', 'approve', 'jane']);
  const cert = await issued('jane');
  expect(await cluster.kubectlOk(['get', 'csr', 'jane', '--no-headers'])).toMatch(/Approved,Issued\s*$/);
  const config = await loadKubeconfig(cluster.kubeconfig);
  const jane = createClient({ ...config, cert, key, userAgent: 'jane', logger: silentLogger } as never);
  try {
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
    const { status } = await jane.raw<{ status: { userInfo: { username: string; groups: string[] } } }>(
      'POST',
      '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      review,
    );
    expect(status.userInfo).toMatchObject({ username: 'jane', groups: expect.arrayContaining(['dev']) });
    await expect(jane.list(Nodes)).rejects.toSatisfy(isForbidden);
  } finally {
    await jane.close();
  }
});

test('a denied request is not signed, one of the wrong form fails, an administrator is not made', async () => {
  const { client, cluster } = world();
  await ask('denied', '/CN=joe', 'kube-apiserver-client');
  await cluster.kubectlOk(['certificate', 'deny', 'denied']);
  expect((await cluster.kubectl(['certificate', 'approve', 'denied'])).code).not.toBe(0);
  await ask('not-a-node', '/CN=joe', 'kube-apiserver-client-kubelet');
  await cluster.kubectlOk(['certificate', 'approve', 'not-a-node']);
  await waitFor('failed', async () => {
    const { status } = await client.get(CertificateSigningRequests, 'not-a-node');
    return status?.conditions?.some((c) => c.type === 'Failed' && c.reason === 'SignerValidationFailure');
  });
  await expect(ask('master', '/O=system:masters/CN=joe', 'kube-apiserver-client')).rejects.toSatisfy(isForbidden);
  expect((await client.get(CertificateSigningRequests, 'denied')).status?.certificate).toBeUndefined();
});

test("a node's request is approved for whoever may let nodes join", async () => {
  await ask('node', '/O=system:nodes/CN=system:node:n9', 'kube-apiserver-client-kubelet');
  expect(await issued('node')).toContain('BEGIN CERTIFICATE');
  const { status } = await world().client.get(CertificateSigningRequests, 'node');
  expect(status?.conditions?.[0]).toMatchObject({ type: 'Approved', reason: 'AutoApproved' });
});
