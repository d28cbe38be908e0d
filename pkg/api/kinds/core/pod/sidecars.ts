import type { Container } from './container.ts';
import type { PodSpec } from './spec.ts';

/** An init container that goes on beside the containers ("Sidecar Containers"). Asked of init containers only. */
export const isSidecar = (c: { readonly restartPolicy?: string | undefined }): boolean => c.restartPolicy === 'Always';

/** What runs as long as the pod does: its containers, then its sidecars. */
export const lastingContainers = (spec: PodSpec | undefined): readonly Container[] => [
  ...(spec?.containers ?? []),
  ...(spec?.initContainers ?? []).filter(isSidecar),
];
