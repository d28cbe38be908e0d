import { createAuthority, issueCertificate, type PemPair } from '#pki/issue.ts';
import type { Endpoint } from './endpoints.ts';

const NOW = Date.now();
/** Signs the certificates of one test run. */
export const authority = await createAuthority('test', NOW);

/** A certificate for these hosts, and its key. */
export const certificateFor = (hosts: readonly string[], now = NOW): Promise<PemPair> =>
  issueCertificate(
    { file: 'x', authority: 'apiserver', commonName: hosts[0] ?? '', hosts, usages: ['server'] },
    authority,
    now,
  );

/** Requests under way at an endpoint that nobody waits for. */
export function busy(endpoint: Endpoint, requests: number): void {
  for (let i = 0; i < requests; i++) endpoint.begin({ onLost() {} });
}
