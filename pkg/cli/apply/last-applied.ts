import type { KubeObject } from '#api/meta/objectmeta.ts';
import { goJson } from '../output/ordered.ts';

/** Where kubectl keeps what was applied last; we keep the same, so both can be used on one object. */
export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** The object with its own text in the last-applied annotation, written as kubectl writes it. */
export function withLastApplied(object: KubeObject): KubeObject {
  const { [LAST_APPLIED]: _old, ...annotations } = object.metadata?.annotations ?? {};
  const plain = { ...object, metadata: { ...object.metadata, annotations } };
  const text = `${goJson(plain)}\n`;
  return { ...plain, metadata: { ...plain.metadata, annotations: { ...annotations, [LAST_APPLIED]: text } } };
}
