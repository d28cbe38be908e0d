import { qosClass } from '#api/kinds/core/pod/pod-qos.ts';
import type { Container, ContainerStatus, Pod } from '#api/kinds/index.ts';

/** Every container of a pod: init containers, app containers, ephemeral ones. */
export const allContainers = (pod: Pod): readonly Container[] => [
  ...(pod.spec?.initContainers ?? []),
  ...(pod.spec?.containers ?? []),
  ...((pod.spec?.ephemeralContainers ?? []) as unknown as readonly Container[]),
];

export const containerNamed = (pod: Pod, name: string): Container | undefined =>
  allContainers(pod).find((c) => c.name === name);

/** Quality of service, as the API tells it; of a pod that it does not show yet by the spec. */
export const qosOf = ({ spec, status }: Pod): ReturnType<typeof qosClass> =>
  status?.qosClass ?? (spec ? qosClass(spec) : 'BestEffort');

/** What the status of a pod says of one of its containers. */
export const statusOf = (pod: Pod, name: string): ContainerStatus | undefined =>
  [
    ...(pod.status?.initContainerStatuses ?? []),
    ...(pod.status?.containerStatuses ?? []),
    ...(pod.status?.ephemeralContainerStatuses ?? []),
  ].find((s) => s.name === name);
