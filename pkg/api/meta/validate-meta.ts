import type { Kind, NameRule } from '../kind.ts';
import { sameJson } from './equal.ts';
import { type FieldError, forbidden, invalid, required, tooLong } from './fielderrors.ts';
import { validateLabels } from './labels.ts';
import { dns1035Label, dnsLabel, dnsSubdomain, pathSegment, qualifiedName } from './names.ts';
import type { KubeObject, ObjectMeta, Stored } from './objectmeta.ts';

const RULES: Record<NameRule, (name: string) => string[]> = {
  dnsSubdomain,
  dnsLabel,
  dns1035Label,
  pathSegment,
};
/** Bytes of all keys and values together. */
const MAX_ANNOTATIONS = 256 * 1024;

/** Annotations at `path`, of an object or of a template. */
export function validateAnnotations(annotations: Record<string, string> | undefined, path: string): FieldError[] {
  const found: FieldError[] = [];
  let size = 0;
  for (const [k, v] of Object.entries(annotations ?? {})) {
    found.push(...qualifiedName(k.toLowerCase()).map((m) => invalid(path, k, m)));
    size += Buffer.byteLength(k) + Buffer.byteLength(v);
  }
  return size > MAX_ANNOTATIONS ? [...found, tooLong(path, MAX_ANNOTATIONS)] : found;
}

const OWNERS = 'metadata.ownerReferences';

/** Fields are named without the position of their reference, as Kubernetes does. */
function validateOwners({ ownerReferences }: ObjectMeta): FieldError[] {
  const found: FieldError[] = [];
  let controller: string | undefined;
  for (const owner of ownerReferences ?? []) {
    const { apiVersion, kind, name, uid } = owner;
    if (!apiVersion || apiVersion.split('/').length > 2)
      found.push(invalid(`${OWNERS}.apiVersion`, apiVersion ?? '', 'version must not be empty'));
    for (const [field, value] of Object.entries({ kind, name, uid })) {
      if (!value) found.push(invalid(`${OWNERS}.${field}`, '', 'must not be empty'));
    }
    if (apiVersion === 'v1' && kind === 'Event')
      found.push(invalid(OWNERS, owner, '/v1, Kind=Event is disallowed from being an owner'));
    if (!owner.controller) continue;
    const why = 'Only one reference can have Controller set to true. Found "true" in references for';
    if (controller) found.push(invalid(OWNERS, ownerReferences, `${why} ${controller} and ${kind}/${name}`));
    controller ??= `${kind}/${name}`;
  }
  return found;
}

const FINALIZERS = 'metadata.finalizers';

/** @param strict only what Kubernetes itself knows may lack a domain */
function validateFinalizers({ finalizers = [] }: ObjectMeta, strict: boolean): FieldError[] {
  const found = finalizers.flatMap((f) => qualifiedName(f).map((m) => invalid(FINALIZERS, f, m)));
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion'))
    found.push(invalid(FINALIZERS, finalizers, 'finalizer orphan and foregroundDeletion cannot be both set'));
  if (!strict) return found;
  const why = 'name is neither a standard finalizer name nor is it fully qualified';
  for (const [i, f] of finalizers.entries()) {
    const known = f.includes('/') || ['orphan', 'foregroundDeletion', 'kubernetes'].includes(f);
    if (!known) found.push(invalid(`${FINALIZERS}[${i}]`, f, why));
  }
  return found;
}

/** Checks of metadata that hold for every kind. */
export function validateObjectMeta(kind: Kind, o: KubeObject): FieldError[] {
  const meta = o.metadata ?? {};
  const found: FieldError[] = [];
  if (!meta.name) found.push(required('metadata.name', 'name or generateName is required'));
  else found.push(...RULES[kind.nameRule](meta.name).map((m) => invalid('metadata.name', meta.name, m)));
  if (kind.namespaced) {
    if (!meta.namespace) found.push(required('metadata.namespace'));
    else found.push(...dnsLabel(meta.namespace).map((m) => invalid('metadata.namespace', meta.namespace, m)));
  } else if (meta.namespace) found.push(forbidden('metadata.namespace', 'not allowed on this type'));
  found.push(
    ...validateLabels(meta.labels, 'metadata.labels'),
    ...validateAnnotations(meta.annotations, 'metadata.annotations'),
    ...validateOwners(meta),
  );
  // Definitions and their objects may be held by any name.
  const strict = !kind.custom && kind.group !== 'apiextensions.k8s.io';
  found.push(...validateFinalizers(meta, strict));
  return found;
}

const IMMUTABLE = [
  'name',
  'namespace',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
] as const;

/** What an update may not do to metadata. */
export function validateObjectMetaUpdate(o: KubeObject, old: Stored<KubeObject>): FieldError[] {
  const meta = o.metadata ?? {};
  const found: FieldError[] = [];
  for (const k of IMMUTABLE) {
    if (!sameJson(meta[k], old.metadata[k])) found.push(invalid(`metadata.${k}`, meta[k] ?? '', 'field is immutable'));
  }
  if (old.metadata.deletionTimestamp) {
    const added = (meta.finalizers ?? []).filter((f) => !old.metadata.finalizers?.includes(f));
    if (added.length > 0) {
      found.push(
        forbidden(
          'metadata.finalizers',
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map((a) => `"${a}"`).join(', ')}}`,
        ),
      );
    }
  }
  return found;
}
