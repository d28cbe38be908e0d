import type { Resource } from '../registry/resource.ts';
import type { Target } from '../registry/writer.ts';

/** In whose name the API server itself writes. */
export const API_SERVER = { name: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] };

/** A write of the API server's own. */
export function systemTarget(resource: Resource, name: string, namespace = '', subresource = ''): Target {
  const options = { dryRun: false, fieldManager: 'kube-apiserver', fieldValidation: 'Ignore' as const, warnings: [] };
  return { resource, namespace, name, subresource, user: API_SERVER, options };
}
