import { type Pod, type ServiceAccount, ServiceAccounts } from '#api/kinds/index.ts';
import { copyJson } from '#api/meta/copy.ts';
import { errors } from '#api/meta/errors.ts';
import { referencesOf } from '../authz/node-pods.ts';
import { randomSuffix } from '../registry/names.ts';
import type { Lookup } from './lookup.ts';
import type { AdmissionPlugin, Attributes } from './types.ts';

const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
/** The life Kubernetes gives the token it mounts: an hour and seven seconds. */
const TOKEN_SECONDS = 3607;

/** What Go takes for true. */
const TRUE = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);

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

const isMirror = (pod: Pod): boolean => Boolean(pod.metadata?.annotations?.['kubernetes.io/config.mirror']);

/** Why a pod that mirrors a file on a node is refused: what it refers to nobody has allowed. */
function mirrorRefusal(pod: Pod): string | undefined {
  if (pod.spec?.serviceAccountName) return 'a mirror pod may not reference service accounts';
  if (referencesOf(pod).secrets.size > 0) return 'a mirror pod may not reference secrets';
  const hasToken = pod.spec?.volumes?.some((v) => v.projected?.sources?.some((s) => s.serviceAccountToken));
  return hasToken ? 'a mirror pod may not use ServiceAccountToken volume projections' : undefined;
}

/** The first secret of a pod that its account does not name. */
function foreignSecret({ spec }: Pod, account: ServiceAccount): string | undefined {
  const named = (refs: readonly { name?: string }[] | undefined) => new Set(refs?.map((r) => r.name));
  const by = `is not allowed because service account ${account.metadata?.name} does not reference that`;
  const secrets = named(account.secrets);
  for (const { secret } of spec?.volumes ?? []) {
    const name = secret?.secretName;
    if (name && !secrets.has(name)) return `volume with secret.secretName="${name}" ${by} secret`;
  }
  const lists = {
    'init container': spec?.initContainers,
    container: spec?.containers,
    'ephemeral container': spec?.ephemeralContainers,
  };
  for (const [what, list] of Object.entries(lists)) {
    for (const c of list ?? []) {
      for (const e of c.env ?? []) {
        const name = e.valueFrom?.secretKeyRef?.name;
        if (name === undefined || secrets.has(name)) continue;
        return `${what} ${c.name} with envVar ${e.name} referencing secret.secretName="${name}" ${by} secret`;
      }
    }
  }
  const pulls = named(account.imagePullSecrets);
  const i = (spec?.imagePullSecrets ?? []).findIndex((r) => !pulls.has(r.name));
  const name = spec?.imagePullSecrets?.[i]?.name;
  return i < 0 ? undefined : `imagePullSecrets[${i}].name="${name}" ${by} imagePullSecret`;
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

  /** An account may be limited to the secrets it names (the annotation is deprecated since v1.32, and heeded). */
  const secretRefusal = async (a: Attributes, pod: Pod): Promise<string | undefined> => {
    const name = pod.spec?.serviceAccountName ?? '';
    const account = name ? await lookup.find(ServiceAccounts, a.namespace, name) : undefined;
    const asked = account?.metadata.annotations?.['kubernetes.io/enforce-mountable-secrets'];
    return account && TRUE.has(asked ?? '') ? foreignSecret(pod, account) : undefined;
  };

  return {
    name: 'ServiceAccount',
    async admit(a) {
      if (a.resource.kind.plural !== 'pods' || a.subresource !== '' || a.operation !== 'CREATE') return;
      const pod = a.object as Pod;
      const { spec } = pod;
      // Mirror pods speak for a file on a node, not for an account.
      if (!spec || isMirror(pod)) return;
      const name = spec.serviceAccountName || spec.serviceAccount || 'default';
      spec.serviceAccountName = name;
      spec.serviceAccount = name;
      const account = await accountOf(a, name);
      if (!spec.imagePullSecrets?.length && account.imagePullSecrets?.length)
        spec.imagePullSecrets = copyJson(account.imagePullSecrets);
      if (spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) mountToken(spec);
    },
    async validate(a) {
      if (a.resource.kind.plural !== 'pods' || a.resource.kind.group !== '') return;
      const adds = a.operation === 'UPDATE' && a.subresource === 'ephemeralcontainers';
      if (!adds && (a.operation !== 'CREATE' || a.subresource !== '')) return;
      const pod = a.object as Pod;
      const why = isMirror(pod) ? mirrorRefusal(pod) : await secretRefusal(a, pod);
      if (why) throw errors.forbidden(a.resource.ref, a.name, why);
    },
  };
}
