import { type Pod, Pods } from '#api/kinds/index.ts';
import { isConflict, isForbidden, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { CallOptions, Client } from '#client/types.ts';

/** Whether another pod has its name now. A conflict also comes when too many write to the same one at once. */
export function isReplaced(client: Client, { metadata }: Stored<Pod>, call?: CallOptions): Promise<boolean> {
  return client.get(Pods, metadata.name, metadata.namespace, call).then(
    (now) => now.metadata.uid !== metadata.uid,
    // Those of other nodes may not be read: whatever has its name now, it is not this one.
    (err: unknown) => isNotFound(err) || isForbidden(err),
  );
}

/** Takes a pod of which nothing is left out of the API, if it is there. @throws what the API server answered, when it stays */
export async function removePod(client: Client, pod: Stored<Pod>): Promise<void> {
  const { name, namespace, uid } = pod.metadata;
  try {
    await client.delete(Pods, name, namespace, { gracePeriodSeconds: 0, preconditions: { uid } });
  } catch (e) {
    if (isNotFound(e) || (isConflict(e) && (await isReplaced(client, pod)))) return;
    throw e;
  }
}
