import type { Pod } from '#api/kinds/index.ts';
import { allContainers } from '../pods/containers.ts';

/** An object whose content a pod uses. */
export interface ObjectRef {
  readonly kind: 'ConfigMap' | 'Secret';
  readonly namespace: string;
  readonly name: string;
}

/** ConfigMaps and Secrets that a pod's volumes and environment refer to, optional ones too. Pure. */
export function referencesOf(pod: Pod): ObjectRef[] {
  const namespace = pod.metadata?.namespace ?? '';
  const found = new Map<string, ObjectRef>();
  const add = (kind: ObjectRef['kind'], name: string | undefined): void => {
    if (name) found.set(`${kind}/${name}`, { kind, namespace, name });
  };
  for (const v of pod.spec?.volumes ?? []) {
    add('ConfigMap', v.configMap?.name);
    add('Secret', v.secret?.secretName);
    for (const s of v.projected?.sources ?? []) {
      add('ConfigMap', s.configMap?.name);
      add('Secret', s.secret?.name);
    }
  }
  for (const c of allContainers(pod)) {
    for (const e of c.envFrom ?? []) {
      add('ConfigMap', e.configMapRef?.name);
      add('Secret', e.secretRef?.name);
    }
    for (const e of c.env ?? []) {
      add('ConfigMap', e.valueFrom?.configMapKeyRef?.name);
      add('Secret', e.valueFrom?.secretKeyRef?.name);
    }
  }
  return [...found.values()];
}
