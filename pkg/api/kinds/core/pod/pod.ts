import { defineKind, topLevel } from '../../../kind.ts';
import { f, type TypeOf } from '../../../schema/schema.ts';
import { dropDisabledStatus, preparingPods } from './disabled-fields.ts';
import { mergeLabelKeys } from './label-keys.ts';
import { isFinal } from './phase.ts';
import { alignAddresses } from './pod-addresses.ts';
import { defaultPod } from './pod-defaults.ts';
import { podParts } from './pod-parts.ts';
import { qosClass } from './pod-qos.ts';
import { podColumns } from './pod-table.ts';
import { validatePodStatus } from './pod-update-validation.ts';
import { validatePod } from './pod-validation.ts';
import { PodSpec } from './spec.ts';
import { PodStatus } from './status.ts';
import { podWarnings } from './warnings.ts';

const PKG = 'io.k8s.api.core.v1';

export const PodSchema = topLevel(PKG, 'Pod', 'A group of containers that share a node, a network and volumes.', {
  spec: f(2, PodSpec, 'What the pod shall be.'),
  status: f(3, PodStatus, 'What is known of it.'),
});
export type Pod = TypeOf<typeof PodSchema>;

/** Seconds a delete grants: none for a pod that no agent has, or that has ended. */
export function podGracePeriod(pod: Pod, requested: number | undefined): number {
  if (!pod.spec?.nodeName || isFinal(pod.status?.phase)) return 0;
  const seconds = requested ?? pod.spec.terminationGracePeriodSeconds ?? 0;
  return seconds < 0 ? 1 : seconds;
}

/** A new pod's status is made by the server. */
function preparePod(pod: Pod): void {
  if (!pod.spec) return;
  mergeLabelKeys(pod.spec.affinity, pod.metadata?.labels ?? {});
  pod.status = { phase: 'Pending', qosClass: qosClass(pod.spec) };
  if ((pod.spec.schedulingGates ?? []).length > 0) {
    pod.status.conditions = [
      {
        type: 'PodScheduled',
        status: 'False',
        reason: 'SchedulingGated',
        message: 'Scheduling is blocked due to non-empty scheduling gates',
      },
    ];
  }
}

export const Pods = defineKind<Pod>({
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  shortNames: ['po'],
  categories: ['all'],
  hasStatus: true,
  returnsDeleted: true,
  subresources: [
    'attach',
    'binding',
    'ephemeralcontainers',
    'eviction',
    'exec',
    'log',
    'portforward',
    'proxy',
    'resize',
  ],
  schema: PodSchema,
  defaults: defaultPod,
  ...preparingPods((o: Pod) => o.spec, {
    prepareCreate: preparePod,
  }),
  prepareStatus: (o, old) => {
    dropDisabledStatus(o, old);
    if (o.status) alignAddresses(o.status);
  },
  validate: validatePod,
  warnings: ({ metadata, spec }) => podWarnings({ path: '', metadata, spec }),
  validateStatus: validatePodStatus,
  parts: podParts,
  gracePeriod: podGracePeriod,
  fields: {
    'spec.nodeName': (o) => o.spec?.nodeName ?? '',
    'spec.restartPolicy': (o) => o.spec?.restartPolicy ?? '',
    'spec.schedulerName': (o) => o.spec?.schedulerName ?? '',
    'spec.serviceAccountName': (o) => o.spec?.serviceAccountName ?? '',
    'spec.hostNetwork': (o) => String(o.spec?.hostNetwork ?? false),
    'status.phase': (o) => o.status?.phase ?? '',
    'status.podIP': (o) => o.status?.podIPs?.[0]?.ip ?? o.status?.podIP ?? '',
    'status.nominatedNodeName': (o) => o.status?.nominatedNodeName ?? '',
  },
  columns: podColumns,
});
