import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Kubeconfig, loadKubeconfig } from '#client/kubeconfig.ts';
import { NETWORK_USER, NODE_CLIENT_FILE, NODE_SERVICE_FILES } from '#pki/node-files.ts';
import { UserError } from '#process/main.ts';
import type { Flags } from './flags.ts';

/** Whether the agent makes the network of the pods, and not plugins or somebody else. */
export const makesNetwork = (f: Pick<Flags, 'networkBackend' | 'cniConfDir'>): boolean =>
  f.networkBackend !== 'none' && f.cniConfDir === '';

/**
 * How the pods' network reaches the API server: routes lead to all nodes and policies name pods anywhere, but a node may read
 * no more than its own. On a machine that has joined the certificate may still be asked for, by the agent that runs: until it is
 * there, the server refuses, and is asked again.
 * @param node how the node does. @throws UserError when there are no credentials and nobody to ask for them
 */
export async function networkKubeconfig(
  f: Pick<Flags, 'kubeconfig' | 'networkKubeconfig' | 'certDir' | 'rotateCertificates'>,
  node: Kubeconfig,
): Promise<Kubeconfig> {
  const beside = join(dirname(f.kubeconfig), 'network.conf');
  const file = f.networkKubeconfig ?? (existsSync(beside) ? beside : undefined);
  if (file !== undefined) return loadKubeconfig(file);
  if (!f.rotateCertificates || node.certFiles?.cert !== join(f.certDir, NODE_CLIENT_FILE))
    throw new UserError(
      `the pod network needs credentials of its own, as ${NETWORK_USER}: name them by --network-kubeconfig (or ${beside}), or leave the network to others by --network-backend none`,
    );
  const pem = join(f.certDir, NODE_SERVICE_FILES[NETWORK_USER]);
  const { server, ca, tlsServerName, insecureSkipTlsVerify } = node;
  const pair = existsSync(pem) ? readFileSync(pem) : undefined;
  return {
    server,
    ...(ca ? { ca } : {}),
    ...(tlsServerName ? { tlsServerName } : {}),
    ...(insecureSkipTlsVerify ? { insecureSkipTlsVerify } : {}),
    ...(pair ? { cert: pair, key: pair } : {}),
    certFiles: { cert: pem, key: pem },
  };
}
