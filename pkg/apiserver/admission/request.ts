import { apiVersionOf } from '#api/kind.ts';
import { copyJson } from '#api/meta/copy.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { Resource } from '../registry/resource.ts';
import { scaleOf } from '../subresources/scale-object.ts';
import type { Attributes, ObjectKind } from './types.ts';

const resourceOf = ({ kind }: Resource) => ({ group: kind.group, version: kind.version, resource: kind.plural });

/** The request as webhooks and expressions are told of it: admission.k8s.io AdmissionRequest, without the objects. */
export function admissionRequestOf(a: Attributes): Record<string, unknown> {
  const { name: username, uid, groups, extra } = a.user;
  const asked = a.asked ?? a.resource;
  return {
    kind: objectKindOf(a, a.resource),
    resource: resourceOf(a.resource),
    requestKind: objectKindOf(a, asked),
    requestResource: resourceOf(asked),
    ...(a.subresource ? { subResource: a.subresource, requestSubResource: a.subresource } : {}),
    name: a.name,
    ...(a.namespace ? { namespace: a.namespace } : {}),
    operation: a.operation,
    userInfo: { username, groups, ...(uid ? { uid } : {}), ...(extra ? { extra } : {}) },
    dryRun: a.dryRun,
    options: null,
  };
}

const SCALE = { group: 'autoscaling', version: 'v1', kind: 'Scale' };
const isScale = (a: Attributes): boolean => a.subresource === 'scale' && a.resource.kind.scale !== undefined;

/** The kind of the objects a request is about: that of the resource, but for scales and connections. */
function objectKindOf(a: Attributes, resource: Resource): Omit<ObjectKind, 'schema'> {
  const { group, version, kind } = a.objectKind ?? (isScale(a) ? SCALE : resource.kind);
  return { group, version, kind };
}

/** An object with its type; null for none. */
export function typedObject(a: Attributes, o: KubeObject | undefined): object | null {
  if (!o) return null;
  if (isScale(a)) return scaleOf(a.resource.kind, o) ?? null;
  const kind = objectKindOf(a, a.resource);
  return { ...o, kind: kind.kind, apiVersion: apiVersionOf(kind) };
}

/** The same request, its objects as another version of the resource shows them. @throws StatusError when they cannot be converted */
export async function inVersion(a: Attributes, version: Resource): Promise<Attributes> {
  const { storedAs, apiVersion } = version;
  if (apiVersion === a.resource.apiVersion || !storedAs || a.objectKind || isScale(a)) return a;
  const shown = async (o: KubeObject | undefined): Promise<Stored<KubeObject> | undefined> => {
    const typed = typedObject(a, o);
    return typed ? storedAs.fromStored(copyJson(typed) as Stored<KubeObject>) : undefined;
  };
  const [object, oldObject] = await Promise.all([shown(a.object), shown(a.oldObject)]);
  const { object: _o, oldObject: _old, ...rest } = a;
  return {
    ...rest,
    resource: version,
    asked: a.asked ?? a.resource,
    ...(object ? { object } : {}),
    ...(oldObject ? { oldObject } : {}),
  };
}
