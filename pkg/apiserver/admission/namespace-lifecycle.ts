import { Namespaces } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import type { Storage } from '#storage/storage.ts';
import type { ResourceTable } from '../registry/resource.ts';
import type { AdmissionPlugin, Attributes } from './types.ts';

const PROTECTED = new Set(['default', 'kube-system', 'kube-public', 'kube-node-lease']);

/**
 * No object is born in a namespace that is missing or going away, and the namespaces the system needs cannot be deleted
 * ("Admission Controllers", NamespaceLifecycle).
 */
export function namespaceLifecycle(resources: ResourceTable, storage: Storage): AdmissionPlugin {
  const check = async (a: Attributes): Promise<void> => {
    const { kind, ref } = a.resource;
    if (kind.plural === 'namespaces' && a.operation === 'DELETE' && a.subresource === '' && PROTECTED.has(a.name)) {
      throw errors.forbidden(ref, a.name, 'this namespace may not be deleted');
    }
    if (!kind.namespaced || a.operation !== 'CREATE') return;
    const namespaces = resources.of(Namespaces);
    const cached = namespaces.cache.get(a.namespace);
    // A namespace another apiserver made a moment ago may not be in this cache yet.
    if (!cached && !(await storage.get(namespaces.prefix + a.namespace))) {
      throw errors.notFound(namespaces.ref, a.namespace);
    }
    if (cached?.object.metadata.deletionTimestamp !== undefined) {
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
