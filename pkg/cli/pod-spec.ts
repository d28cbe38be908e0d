import type { KubeObject } from '#api/meta/objectmeta.ts';

/** A variable of a container. */
export interface EnvVar {
  name: string;
  value?: string;
  valueFrom?: {
    fieldRef?: { fieldPath?: string };
    resourceFieldRef?: { containerName?: string; resource?: string };
    configMapKeyRef?: { name?: string; key?: string };
    secretKeyRef?: { name?: string; key?: string };
  };
}

/** The parts of a container that commands change. */
export interface EditableContainer {
  name: string;
  image?: string;
  env?: EnvVar[];
  resources?: { limits?: Record<string, string>; requests?: Record<string, string> };
  ports?: { containerPort?: number; protocol?: string }[];
}

/** The parts of a pod spec that commands change. */
export interface EditablePodSpec {
  containers: EditableContainer[];
  initContainers?: EditableContainer[];
  serviceAccountName?: string;
}

interface Templated {
  readonly spec?: {
    readonly template?: { readonly spec?: EditablePodSpec };
    readonly jobTemplate?: { readonly spec?: { readonly template?: { readonly spec?: EditablePodSpec } } };
  };
}

/** The pod spec inside an object: a pod's own, or that of a workload's template; undefined where there is none. */
export function podSpecOf(o: KubeObject): EditablePodSpec | undefined {
  const { spec } = o as Templated;
  if (o.kind === 'Pod') return spec as EditablePodSpec | undefined;
  return spec?.template?.spec ?? spec?.jobTemplate?.spec?.template?.spec;
}

/** Its containers and init containers whose name matches; "*" stands for any text. */
export function containersNamed(spec: EditablePodSpec, pattern: string): EditableContainer[] {
  const parts = pattern.split('*').map((p) => p.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const wanted = new RegExp(`^${parts.join('.*')}$`);
  return [...(spec.initContainers ?? []), ...spec.containers].filter((c) => wanted.test(c.name));
}
