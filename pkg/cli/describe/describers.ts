import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { CliContext } from '../context.ts';
import { describeAutoscaler } from './autoscaler.ts';
import { describeClaim, describePersistentVolume, describeStorageClass } from './claims.ts';
import { describeConfigMap, describeNamespace, describeSecret, describeServiceAccount } from './config.ts';
import { describeAny } from './generic.ts';
import { describeIngress, describeIngressClass } from './ingress.ts';
import { describeCronJob, describeJob } from './jobs.ts';
import { describeDisruptionBudget, describeLimitRange, describePriorityClass, describeQuota } from './limits.ts';
import { describeEndpointSlice, describeEndpoints, describeService } from './network.ts';
import { describeNode } from './node.ts';
import { describePod } from './pod.ts';
import { describeNetworkPolicy } from './policy.ts';
import { describeBinding, describeRole } from './rbac.ts';
import { describeController, describeDaemonSet, describeStatefulSet } from './sets.ts';
import { describeDeployment, describeReplicaSet } from './workloads.ts';
import type { DescriptionWriter } from './writer.ts';

export interface Describer {
  describe(w: DescriptionWriter, o: KubeObject, ctx: CliContext): void | Promise<void>;
  /** Events are shown below; some kinds have none. */
  readonly events: boolean;
}

/** By kind, as the object says; `as never` because each takes its own kind. */
const of = (
  describe: (w: DescriptionWriter, o: never, ctx: CliContext) => void | Promise<void>,
  events = true,
): Describer => ({
  describe: (w, o, ctx) => describe(w, o as never, ctx),
  events,
});

const DESCRIBERS: ReadonlyMap<string, Describer> = new Map(
  Object.entries({
    Pod: of(describePod),
    Deployment: of(describeDeployment),
    ReplicaSet: of(describeReplicaSet),
    Service: of(describeService),
    Endpoints: of(describeEndpoints),
    EndpointSlice: of(describeEndpointSlice),
    ConfigMap: of(describeConfigMap),
    Secret: of(describeSecret, false),
    Namespace: of(describeNamespace, false),
    ServiceAccount: of(describeServiceAccount),
    Node: of(describeNode),
    StatefulSet: of(describeStatefulSet),
    DaemonSet: of(describeDaemonSet),
    ReplicationController: of(describeController),
    Job: of(describeJob),
    CronJob: of(describeCronJob),
    HorizontalPodAutoscaler: of(describeAutoscaler),
    PodDisruptionBudget: of(describeDisruptionBudget),
    ResourceQuota: of(describeQuota, false),
    LimitRange: of(describeLimitRange, false),
    PriorityClass: of(describePriorityClass),
    PersistentVolume: of(describePersistentVolume),
    PersistentVolumeClaim: of(describeClaim),
    StorageClass: of(describeStorageClass),
    Ingress: of(describeIngress),
    IngressClass: of(describeIngressClass),
    NetworkPolicy: of(describeNetworkPolicy, false),
    Role: of(describeRole, false),
    ClusterRole: of(describeRole, false),
    RoleBinding: of(describeBinding, false),
    ClusterRoleBinding: of(describeBinding, false),
  }),
);

/** Of a kind of Kubernetes; what others call so is described field by field. */
export function describerOf(o: KubeObject): Describer {
  const group = o.apiVersion?.includes('/') ? (o.apiVersion.split('/')[0] ?? '') : '';
  const ours = !group.includes('.') || group.endsWith('.k8s.io');
  return (ours ? DESCRIBERS.get(o.kind ?? '') : undefined) ?? of(describeAny);
}
