import type { Kind } from '#api/kind.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { Admission } from '../admission/types.ts';
import type { Target } from '../registry/writer.ts';

/** Has something admitted that is posted to an object and is no object itself, such as a Binding; webhooks may change it. */
export async function admitSubresource(
  admission: Admission,
  { resource, subresource, namespace, name, user, options }: Target,
  object: KubeObject,
  { group, version, kind, schema }: Kind,
): Promise<void> {
  const { dryRun, warnings, annotations } = options;
  const attributes = {
    operation: 'CREATE' as const,
    ...{ resource, subresource, namespace, name, object, user, dryRun, warnings, annotations },
    objectKind: { group, version, kind, schema },
  };
  await admission.admit(attributes);
  await admission.validate(attributes);
}
