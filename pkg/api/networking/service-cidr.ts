import type { Condition } from '../meta/condition.ts';

/** Holds a ServiceCIDR as long as Services have addresses that no other one contains. */
export const SERVICE_CIDR_FINALIZER = 'networking.k8s.io/service-cidr-finalizer';

/** Of a ServiceCIDR from which addresses are given. @param now RFC 3339 */
export const serviceCidrReady = (now: string): Condition => ({
  type: 'Ready',
  status: 'True',
  lastTransitionTime: now,
  reason: '',
  message: 'Kubernetes Service CIDR is ready',
});

/** Of one that is to go away and cannot yet. */
export const serviceCidrHeld = (now: string): Condition => ({
  type: 'Ready',
  status: 'False',
  lastTransitionTime: now,
  reason: 'Terminating',
  message: 'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR',
});
