import type { PemPair } from './issue.ts';
import type { KubeconfigSpec } from './names.ts';

const CLUSTER = 'coxswain';

/** A kubeconfig (JSON, which is YAML too) with everything inside: it can be copied to another machine as it is. */
export function renderKubeconfig(spec: KubeconfigSpec, user: PemPair, rootCa: string): string {
  const context = `${spec.userName}@${CLUSTER}`;
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: CLUSTER, cluster: { server: spec.server, 'certificate-authority-data': base64(rootCa) } }],
    users: [
      {
        name: spec.userName,
        user: { 'client-certificate-data': base64(user.cert), 'client-key-data': base64(user.key) },
      },
    ],
    contexts: [{ name: context, context: { cluster: CLUSTER, user: spec.userName } }],
    'current-context': context,
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');
