import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CertificateKeeper, type KeptCertificate } from '#agent/certificates/keeper.ts';
import type { ServingCertificate } from '#agent/server/server.ts';
import { nodeClientCertificate, nodeServiceCertificate, nodeServingCertificate } from '#client/certificate-request.ts';
import { createAuthority, issueCertificate } from '#pki/issue.ts';
import { NETWORK_USER, NODE_CLIENT_FILE, NODE_SERVER_FILE, NODE_SERVICE_FILES } from '#pki/node-files.ts';
import type { Base } from './base.ts';
import type { Flags } from './flags.ts';
import { makesNetwork } from './network-access.ts';

/**
 * What the agent serves with from its start, when no file was given: what the cluster signed for it before, or until it has
 * done that one that nobody trusts.
 */
export async function startingCertificate(
  f: Flags,
  hosts: readonly string[],
  now: number,
): Promise<ServingCertificate> {
  const file = join(f.certDir, NODE_SERVER_FILE);
  if (existsSync(file)) {
    const pem = readFileSync(file);
    return { cert: pem, key: pem };
  }
  const spec = { file: '', authority: 'node', commonName: f.nodeName, hosts, usages: ['server'] } as const;
  return issueCertificate(spec, await createAuthority(`${f.nodeName}-temporary`, now), now);
}

/**
 * Keepers of the certificates that this node has from the cluster: that of its server, unless files were given; its own,
 * where the kubeconfig names its file in `--cert-dir`; and with it those of the programs beside the agent.
 */
export function keepersOf(
  base: Base,
  hosts: readonly string[],
  reload: (tls: ServingCertificate) => void,
): CertificateKeeper[] {
  const { f, client, clock, logger, certFile } = base;
  if (!f.rotateCertificates) return [];
  const at = (name: string): string => join(f.certDir, name);
  const kept: KeptCertificate[] = [];
  if (!f.tlsCertFile) {
    const issued = (pem: string): void => reload({ cert: pem, key: pem });
    kept.push({ file: at(NODE_SERVER_FILE), wanted: nodeServingCertificate(f.nodeName, hosts), issued });
  }
  if (certFile === at(NODE_CLIENT_FILE)) {
    kept.push({ file: at(NODE_CLIENT_FILE), wanted: nodeClientCertificate(f.nodeName) });
    // A machine that joined before the network had a certificate asks for it now.
    const isUsed = (user: string): boolean => user === NETWORK_USER && makesNetwork(f);
    for (const [user, name] of Object.entries(NODE_SERVICE_FILES))
      if (existsSync(at(name)) || isUsed(user)) kept.push({ file: at(name), wanted: nodeServiceCertificate(user) });
  }
  return kept.map((k) => new CertificateKeeper(k, { client, clock, logger }));
}
