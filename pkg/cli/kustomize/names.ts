import { eachField, podSpecPath } from './fields.ts';
import { isObject, type Json, type Resource } from './resource.ts';

/** Kinds whose names are given by others. */
const FIXED_NAMES = new Set(['CustomResourceDefinition', 'APIService', 'Namespace']);

/** `namePrefix` and `nameSuffix`. */
export function addAffixes(resources: readonly Resource[], prefix: string, suffix: string): void {
  for (const r of resources) if (!FIXED_NAMES.has(r.kind)) r.metadata.name = `${prefix}${r.metadata.name}${suffix}`;
}

/** Fields that hold the namespace of something else, by kind. */
const NAMESPACE_FIELDS: Readonly<Record<string, string>> = {
  APIService: 'spec/service/namespace',
  CustomResourceDefinition: 'spec/conversion/webhook/clientConfig/service/namespace',
};

/** `namespace`: every object goes there; a Namespace gets its name. */
export function setNamespace(resources: readonly Resource[], namespace: string): void {
  for (const r of resources) {
    if (r.kind === 'Namespace') r.metadata.name = namespace;
    else if (r.namespaced) r.metadata.namespace = namespace;
    const field = NAMESPACE_FIELDS[r.kind];
    if (field) {
      eachField(r.object, field, false, (parent, key) => {
        parent[key] = namespace;
      });
    }
    if (r.kind !== 'RoleBinding' && r.kind !== 'ClusterRoleBinding') continue;
    // The account "default" is there without being made, so nothing else says that it has moved.
    for (const s of (r.object.subjects as Json[] | undefined) ?? [])
      if (s.kind === 'ServiceAccount' && s.name === 'default') s.namespace = namespace;
  }
}

/** A field that holds the name of an object of `kind`. */
interface Reference {
  readonly kind: string;
  readonly path: string;
}

/** References inside the spec of pods. */
const IN_PODS: readonly Reference[] = [
  ...['containers', 'initContainers', 'ephemeralContainers'].flatMap((list) => [
    { kind: 'ConfigMap', path: `${list}/env/valueFrom/configMapKeyRef/name` },
    { kind: 'ConfigMap', path: `${list}/envFrom/configMapRef/name` },
    { kind: 'Secret', path: `${list}/env/valueFrom/secretKeyRef/name` },
    { kind: 'Secret', path: `${list}/envFrom/secretRef/name` },
  ]),
  { kind: 'ConfigMap', path: 'volumes/configMap/name' },
  { kind: 'ConfigMap', path: 'volumes/projected/sources/configMap/name' },
  { kind: 'Secret', path: 'volumes/secret/secretName' },
  { kind: 'Secret', path: 'volumes/projected/sources/secret/name' },
  { kind: 'Secret', path: 'volumes/csi/nodePublishSecretRef/name' },
  { kind: 'Secret', path: 'imagePullSecrets/name' },
  { kind: 'ServiceAccount', path: 'serviceAccountName' },
  { kind: 'PersistentVolumeClaim', path: 'volumes/persistentVolumeClaim/claimName' },
  { kind: 'PriorityClass', path: 'priorityClassName' },
  { kind: 'RuntimeClass', path: 'runtimeClassName' },
];

/** References of other kinds, by the kind that has them. */
const ELSEWHERE: Readonly<Record<string, readonly Reference[]>> = {
  StatefulSet: [
    { kind: 'Service', path: 'spec/serviceName' },
    { kind: 'StorageClass', path: 'spec/volumeClaimTemplates/spec/storageClassName' },
  ],
  Ingress: [
    { kind: 'Service', path: 'spec/rules/http/paths/backend/service/name' },
    { kind: 'Service', path: 'spec/defaultBackend/service/name' },
    { kind: 'Secret', path: 'spec/tls/secretName' },
    { kind: 'IngressClass', path: 'spec/ingressClassName' },
  ],
  ServiceAccount: [
    { kind: 'Secret', path: 'secrets/name' },
    { kind: 'Secret', path: 'imagePullSecrets/name' },
  ],
  PersistentVolumeClaim: [
    { kind: 'PersistentVolume', path: 'spec/volumeName' },
    { kind: 'StorageClass', path: 'spec/storageClassName' },
  ],
  PersistentVolume: [{ kind: 'StorageClass', path: 'spec/storageClassName' }],
  ResourceQuota: [],
};

/** References that say the kind, and perhaps the namespace, of what they name themselves: places of such an object. */
const TYPED: Readonly<Record<string, readonly string[]>> = {
  HorizontalPodAutoscaler: ['spec/scaleTargetRef'],
  RoleBinding: ['roleRef', 'subjects'],
  ClusterRoleBinding: ['roleRef', 'subjects'],
};

/** References to Services by name and namespace. */
const SERVICES: Readonly<Record<string, readonly string[]>> = {
  APIService: ['spec/service'],
  ValidatingWebhookConfiguration: ['webhooks/clientConfig/service'],
  MutatingWebhookConfiguration: ['webhooks/clientConfig/service'],
  CustomResourceDefinition: ['spec/conversion/webhook/clientConfig/service'],
};

const inDefault = (namespace: unknown): string => (typeof namespace === 'string' && namespace) || 'default';

/** The object a name means: one that had it when the layer began or, for what a patch has written, at any time. */
function meant(
  resources: readonly Resource[],
  wanted: { kind: string; name: unknown; namespace?: string },
): Resource | undefined {
  const all = resources.filter((r) => r.kind === wanted.kind);
  const here = (i: { name: string; namespace: string }, r: Resource): boolean =>
    i.name === wanted.name &&
    (!r.namespaced || wanted.namespace === undefined || inDefault(i.namespace) === wanted.namespace);
  const now = all.filter((r) => here(r.before, r));
  const found = now.length > 0 ? now : all.filter((r) => r.names.some((i) => here(i, r)));
  return found.length === 1 ? found[0] : undefined;
}

function rename(r: Resource, resources: readonly Resource[], reference: Reference): void {
  const namespace = r.namespaced ? inDefault(r.before.namespace) : undefined;
  eachField(r.object, reference.path, false, (parent, key) => {
    const wanted = { kind: reference.kind, name: parent[key] };
    const to = meant(resources, namespace === undefined ? wanted : { ...wanted, namespace });
    if (to) parent[key] = to.metadata.name;
  });
}

/** Renames `{kind, name, namespace}`; @param kind of those that do not say it */
function renameTyped(r: Resource, resources: readonly Resource[], path: string, kind?: string): void {
  const parts = path.split('/');
  const last = parts.at(-1) ?? '';
  eachField(r.object, parts.join('/'), false, (parent) => {
    const value = parent[last];
    for (const v of Array.isArray(value) ? value : [value]) {
      if (!isObject(v)) continue;
      const own = v.namespace === undefined && r.namespaced ? r.before.namespace : v.namespace;
      const to = meant(resources, { kind: kind ?? String(v.kind), name: v.name, namespace: inDefault(own) });
      if (!to) continue;
      v.name = to.metadata.name;
      if (v.namespace !== undefined && to.namespaced && to.metadata.namespace) v.namespace = to.metadata.namespace;
      else if (v.kind === 'ServiceAccount' && to.metadata.namespace) v.namespace = to.metadata.namespace;
    }
  });
}

/** Brings every reference to the name its object has by now. */
export function updateReferences(resources: readonly Resource[]): void {
  for (const r of resources) {
    const pods = podSpecPath(r.kind);
    if (pods) for (const p of IN_PODS) rename(r, resources, { kind: p.kind, path: `${pods}/${p.path}` });
    for (const p of ELSEWHERE[r.kind] ?? []) rename(r, resources, p);
    for (const path of TYPED[r.kind] ?? []) renameTyped(r, resources, path);
    for (const path of SERVICES[r.kind] ?? []) renameTyped(r, resources, path, 'Service');
  }
}
