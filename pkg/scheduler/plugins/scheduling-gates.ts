import type { Plugin } from '../framework/plugin.ts';

/** A pod with scheduling gates is not looked at until the last one is taken away ("Pod Scheduling Readiness"). */
export const schedulingGates: Plugin = {
  name: 'SchedulingGates',
  weight: 0,
  wakesOn: { 'pod-changed': true },
  holdBack: (pod) =>
    (pod.spec?.schedulingGates ?? []).length > 0 ? 'Scheduling is blocked due to non-empty scheduling gates' : null,
  prepare: () => null,
};
