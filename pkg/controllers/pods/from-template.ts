import type { Pod, PodTemplateSpec } from '#api/kinds/index.ts';
import type { KubeObject, OwnerReference, Stored } from '#api/meta/objectmeta.ts';

/** Longest generateName that still leaves room for the random suffix in a DNS subdomain. */
const MAX_PREFIX = 253 - 6;

/** A new pod of `owner`, from its template; the server makes the name. */
export function podFromTemplate(
  owner: Stored<KubeObject>,
  template: PodTemplateSpec,
  controllerRef: OwnerReference,
): Pod {
  const copy = structuredClone(template);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${owner.metadata.name.slice(0, MAX_PREFIX)}-`,
      namespace: owner.metadata.namespace,
      labels: copy.metadata?.labels,
      annotations: copy.metadata?.annotations,
      finalizers: copy.metadata?.finalizers,
      ownerReferences: [controllerRef],
    },
    spec: copy.spec,
  } as Pod;
}
