import { type Pod, type ServiceAccount, ServiceAccounts } from '#api/kinds/index.ts';
import { copyJson } from '#api/meta/copy.ts';
import { errors } from '#api/meta/errors.ts';
import { randomSuffix } from '../registry/names.ts';
import type { Lookup } from './lookup.ts';
import type { AdmissionPlugin, Attributes } from './types.ts';

const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
/** The life Kubernetes gives the token it mounts: an hour and seven seconds. */
const TOKEN_SECONDS = 3607;

type PodSpec = NonNullable<Pod['spec']>;

function tokenVolume(name: string): NonNullable<PodSpec['volumes']>[number] {
  return {
    name,
    projected: {
      defaultMode: 0o644,
      sources: [
        { serviceAccountToken: { expirationSeconds: TOKEN_SECONDS, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
    },
  };
}

function mountToken(spec: PodSpec): void {
  const containers = [...(spec.initContainers ?? []), ...(spec.containers ?? [])];
  const missing = containers.filter((c) => !c.volumeMounts?.some((m) => m.mountPath === MOUNT_PATH));
  if (missing.length === 0) return;
  const existing = spec.volumes?.find((v) => v.name?.startsWith('kube-api-access-'));
  const name = existing?.name ?? `kube-api-access-${randomSuffix()}`;
  if (!existing) spec.volumes = [...(spec.volumes ?? []), tokenVolume(name)];
  for (const c of missing)
    c.volumeMounts = [...(c.volumeMounts ?? []), { name, readOnly: true, mountPath: MOUNT_PATH }];
}

/** Gives pods an account and its token ("Managing Service Accounts", ServiceAccount admission controller). */
export function serviceAccountAdmission(lookup: Lookup): AdmissionPlugin {
  const accountOf = async (a: Attributes, name: string): Promise<ServiceAccount> => {
    const account = await lookup.find(ServiceAccounts, a.namespace, name);
    if (account) return account;
    throw errors.forbidden(
      a.resource.ref,
      a.name,
      `error looking up service account ${a.namespace}/${name}: serviceaccount "${name}" not found`,
    );
  };

  return {
    name: 'ServiceAccount',
    async admit(a) {
      if (a.resource.kind.plural !== 'pods' || a.subresource !== '' || a.operation !== 'CREATE') return;
      const pod = a.object as Pod;
      const { spec } = pod;
      // Mirror pods speak for a file on a node, not for an account.
      if (!spec || pod.metadata?.annotations?.['kubernetes.io/config.mirror']) return;
      const name = spec.serviceAccountName || spec.serviceAccount || 'default';
      spec.serviceAccountName = name;
      spec.serviceAccount = name;
      const account = await accountOf(a, name);
      if (!spec.imagePullSecrets?.length && account.imagePullSecrets?.length)
        spec.imagePullSecrets = copyJson(account.imagePullSecrets);
      if (spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) mountToken(spec);
    },
  };
}
