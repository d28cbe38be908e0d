import type { PemPair } from './issue.ts';
import type { KubeconfigSpec } from './names.ts';

const CLUSTER = 'coxswain';

/** A kubeconfig (JSON, which is YAML too) with everything inside: it can be copied to another machine as it is. */
export function renderKubeconfig(spec: KubeconfigSpec, user: PemPair, rootCa: string): string {
  return render(
    spec,
    { 'certificate-authority-data': base64(rootCa) },
    { 'client-certificate-data': base64(user.cert), 'client-key-data': base64(user.key) },
  );
}

/**
 * A kubeconfig whose certificate is renewed: it names files. @param files of the authority, and of certificate and key in one
 */
export const renderFileKubeconfig = (
  spec: Pick<KubeconfigSpec, 'userName' | 'server'>,
  files: { readonly ca: string; readonly certificate: string },
): string =>
  render(
    spec,
    { 'certificate-authority': files.ca },
    { 'client-certificate': files.certificate, 'client-key': files.certificate },
  );

function render(
  { userName, server }: Pick<KubeconfigSpec, 'userName' | 'server'>,
  trust: object,
  user: object,
): string {
  const context = `${userName}@${CLUSTER}`;
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: CLUSTER, cluster: { server, ...trust } }],
    users: [{ name: userName, user }],
    contexts: [{ name: context, context: { cluster: CLUSTER, user: userName } }],
    'current-context': context,
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');
