import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { Answer } from './answer.ts';

/** Why an object of any kind that is being deleted is still there; undefined when nobody has deleted it. */
export function whyKept({ metadata }: KubeObject, type: string): Answer | undefined {
  const { deletionTimestamp, finalizers = [], name = '' } = metadata ?? {};
  if (!deletionTimestamp) return undefined;
  const waits = finalizers.includes('foregroundDeletion');
  return {
    because: waits
      ? 'it is being deleted, after all that it owns'
      : `it is being deleted, and ${finalizers.length === 1 ? 'a finalizer keeps' : 'finalizers keep'} it`,
    evidence: [`since ${deletionTimestamp}`, ...finalizers.map((f) => `finalizer ${f}`)],
    next: waits ? `cox tree ${type}/${name}` : `cox get ${type} ${name} -o yaml`,
  };
}
