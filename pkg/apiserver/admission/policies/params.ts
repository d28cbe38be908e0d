import { apiVersionOf } from '#api/kind.ts';
import type { ParamKind, ParamRef } from '#api/kinds/index.ts';
import { compileLabelSelector } from '#api/meta/labels.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { objectKey, type Resource, type ResourceTable } from '../../registry/resource.ts';
import type { Attributes } from '../types.ts';

/** What is wrong with how policy and binding are set up, not with the request. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

function resourceOf(resources: ResourceTable, { apiVersion = '', kind = '' }: ParamKind): Resource {
  const found = resources.all().find((r) => r.kind.kind === kind && apiVersionOf(r.kind) === apiVersion);
  if (!found) {
    throw new ConfigurationError(`failed to find resource referenced by paramKind: '${apiVersion}, Kind=${kind}'`);
  }
  return found;
}

function namespaceOf({ kind }: Resource, ref: ParamRef, a: Attributes): string {
  if (!kind.namespaced) {
    if (ref.namespace)
      throw new ConfigurationError('paramRef.namespace must not be provided for a cluster-scoped `paramKind`');
    return '';
  }
  const namespace = ref.namespace || a.namespace;
  if (!namespace) {
    throw new ConfigurationError(
      'cannot use namespaced paramRef in policy binding that matches cluster-scoped resources',
    );
  }
  return namespace;
}

/**
 * The objects a policy is to be held against, one after the other ("Validating Admission Policy", parameter resources).
 * @returns [undefined] for none at all: the policy is evaluated once, without. An empty list: not at all.
 * @throws ConfigurationError
 */
export async function paramsOf(
  resources: ResourceTable,
  kind: ParamKind | undefined,
  ref: ParamRef | undefined,
  a: Attributes,
): Promise<readonly (KubeObject | undefined)[]> {
  if (!kind || !ref) return [undefined];
  const resource = resourceOf(resources, kind);
  const namespace = namespaceOf(resource, ref, a);
  const typed = (o: KubeObject): KubeObject => ({
    ...o,
    kind: resource.kind.kind,
    apiVersion: apiVersionOf(resource.kind),
  });
  let found: KubeObject[];
  if (ref.name) {
    const entry = resource.cache.get(objectKey(resource.kind, namespace, ref.name));
    if (entry) await resource.cache.prepare?.([entry]);
    found = entry ? [typed(entry.object)] : [];
  } else {
    const selector = compileLabelSelector(ref.selector);
    const entries = resource.cache.list(namespace ? `${namespace}/` : '');
    await resource.cache.prepare?.(entries);
    const all = entries.map((e) => e.object);
    found = all.filter((o) => selector.matches(o.metadata.labels ?? {})).map(typed);
  }
  if (found.length === 0 && ref.parameterNotFoundAction !== 'Allow') {
    throw new ConfigurationError('no params found for policy binding with `Deny` parameterNotFoundAction');
  }
  return found;
}
