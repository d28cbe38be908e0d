import { Namespaces } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import type { Lookup } from './lookup.ts';
import type { AdmissionPlugin, Attributes } from './types.ts';

const PROTECTED = new Set(['default', 'kube-system', 'kube-public', 'kube-node-lease']);

/**
 * No object is born in a namespace that is missing or going away, and the namespaces the system needs cannot be deleted
 * ("Admission Controllers", NamespaceLifecycle).
 */
export function namespaceLifecycle(lookup: Lookup): AdmissionPlugin {
  const check = async (a: Attributes): Promise<void> => {
    const { kind, ref } = a.resource;
    if (kind.plural === 'namespaces' && a.operation === 'DELETE' && a.subresource === '' && PROTECTED.has(a.name)) {
      throw errors.forbidden(ref, a.name, 'this namespace may not be deleted');
    }
    if (!kind.namespaced || a.operation !== 'CREATE') return;
    const namespace = await lookup.find(Namespaces, '', a.namespace);
    if (!namespace) {
      throw errors.notFound({ group: '', plural: 'namespaces', kind: 'Namespace' }, a.namespace);
    }
    if (namespace.metadata.deletionTimestamp !== undefined) {
      const e = errors.forbidden(
        ref,
        a.name,
        `unable to create new content in namespace ${a.namespace} because it is being terminated`,
      );
      e.status.details = {
        ...e.status.details,
        causes: [
          {
            reason: 'NamespaceTerminating',
            message: `namespace ${a.namespace} is being terminated`,
            field: 'metadata.namespace',
          },
        ],
      };
      throw e;
    }
  };
  return { name: 'NamespaceLifecycle', admit: check };
}
