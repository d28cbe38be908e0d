import type { Kind } from '#api/kind.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';

/** autoscaling/v1 Scale. */
export interface Scale extends KubeObject {
  spec?: { replicas?: number };
  status?: { replicas: number; selector?: string };
}

/** An object as its scale subresource shows it; undefined when its kind has none. */
export function scaleOf(kind: Kind, o: KubeObject): Scale | undefined {
  const scale = kind.scale?.get(o);
  if (!scale) return undefined;
  const { name, namespace, uid, resourceVersion, creationTimestamp } = (o as Stored<KubeObject>).metadata;
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, ...(namespace ? { namespace } : {}), uid, resourceVersion, creationTimestamp },
    spec: { replicas: scale.replicas },
    status: { replicas: scale.statusReplicas, selector: scale.selector },
  };
}
