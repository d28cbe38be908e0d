import { type CertificateSigningRequest, CertificateSigningRequests } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import { timeoutSignal } from '#async/signals.ts';
import type { PemPair } from '#pki/issue.ts';
import { createRequest, type RequestSubject } from '#pki/request.ts';
import type { Client } from './types.ts';

/** A certificate to ask the cluster for ("Certificates and Certificate Signing Requests"). */
export interface WantedCertificate extends RequestSubject {
  readonly signerName: string;
  /** As in a CertificateSigningRequest: "client auth" … */
  readonly usages: readonly string[];
  /** Begins the name of the request. */
  readonly label: string;
}

const NODES = 'system:nodes';
const signing = ['digital signature'];

/** What an agent is known by to the API server. */
export const nodeClientCertificate = (node: string): WantedCertificate => ({
  label: 'node-csr-',
  signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
  usages: [...signing, 'client auth'],
  commonName: `system:node:${node}`,
  organizations: [NODES],
});

/** What an agent shows to its clients. @param hosts names and addresses of the node */
export const nodeServingCertificate = (node: string, hosts: readonly string[]): WantedCertificate => ({
  label: 'csr-',
  signerName: 'kubernetes.io/kubelet-serving',
  usages: [...signing, 'server auth'],
  commonName: `system:node:${node}`,
  organizations: [NODES],
  hosts,
});

/** What a program that runs on every node is known by. @param user such as "system:kube-proxy" */
export const nodeServiceCertificate = (user: string): WantedCertificate => ({
  label: `${user.replaceAll(':', '-')}-csr-`,
  signerName: 'kubernetes.io/kube-apiserver-client',
  usages: [...signing, 'client auth'],
  commonName: user,
});

export interface RequestDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  /** For everything, approval included. */
  readonly timeoutMs: number;
}

/** Pause before a broken watch is taken up again. */
const PAUSE_MS = 500;

/** @returns the certificate, undefined while there is none. @throws Error when there will be none */
function decided(r: CertificateSigningRequest): string | undefined {
  const no = r.status?.conditions?.find((c) => c.type === 'Denied' || c.type === 'Failed');
  if (no) {
    const said = no.message || no.reason || 'no reason was given';
    throw new Error(`the request ${r.metadata?.name} for ${r.spec?.signerName} was ${no.type.toLowerCase()}: ${said}`);
  }
  const { certificate } = r.status ?? {};
  return certificate ? Buffer.from(certificate, 'base64').toString() : undefined;
}

/**
 * Makes a key, asks for a certificate for it, and waits until that is signed. The key never leaves this process.
 * @throws StatusError or ConnectionError when it could not be asked; Error when it was denied, failed, or took too long
 */
export async function requestCertificate(wanted: WantedCertificate, deps: RequestDeps): Promise<PemPair> {
  const { client, clock, timeoutMs } = deps;
  const { request, key } = await createRequest(wanted);
  const limit = timeoutSignal(clock, timeoutMs, deps.signal);
  try {
    const spec = {
      request: Buffer.from(request).toString('base64'),
      signerName: wanted.signerName,
      usages: [...wanted.usages],
    };
    const draft = { metadata: { generateName: wanted.label }, spec } as CertificateSigningRequest;
    const made = await client.create(CertificateSigningRequests, draft, { signal: limit.signal });
    return { cert: await signed(made, client, clock, limit.signal), key };
  } catch (e) {
    if (!limit.signal.aborted || deps.signal?.aborted) throw e;
    throw new Error(
      `no certificate of ${wanted.signerName} for ${wanted.commonName} within ${timeoutMs / 1000} s: "kubectl get csr" shows who has to approve it`,
      { cause: e },
    );
  } finally {
    limit.dispose();
  }
}

async function signed(
  made: Stored<CertificateSigningRequest>,
  client: Client,
  clock: Clock,
  signal: AbortSignal,
): Promise<string> {
  const { name } = made.metadata;
  const fieldSelector = `metadata.name=${name}`;
  for (let last = made; ; last = await client.get(CertificateSigningRequests, name, undefined, { signal })) {
    const already = decided(last);
    if (already !== undefined) return already;
    const { resourceVersion } = last.metadata;
    const events = client.watch(CertificateSigningRequests, { fieldSelector, resourceVersion, signal });
    const certificate = await firstDecision(events).catch((e: unknown) => {
      if (e instanceof Refused) throw e.cause;
      return undefined;
    });
    if (certificate !== undefined) return certificate;
    // The watch ended or broke.
    await clock.sleep(PAUSE_MS, signal);
  }
}

/** A decision, and not a watch that broke. */
class Refused extends Error {}

async function firstDecision(events: ReturnType<Client['watch']>): Promise<string | undefined> {
  for await (const event of events) {
    if (event.type === 'BOOKMARK') continue;
    const object = event.object as CertificateSigningRequest;
    let certificate: string | undefined;
    try {
      certificate = decided(object);
    } catch (e) {
      throw new Refused('refused', { cause: e });
    }
    if (event.type === 'DELETED') throw new Refused('gone', { cause: new Error('the request was deleted') });
    if (certificate !== undefined) return certificate;
  }
  return undefined;
}
