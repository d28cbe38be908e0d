import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { CliContext } from '../context.ts';
import { describeConfigMap, describeNamespace, describeSecret, describeServiceAccount } from './config.ts';
import { describeAny } from './generic.ts';
import { describeEndpointSlice, describeEndpoints, describeService } from './network.ts';
import { describeNode } from './node.ts';
import { describePod } from './pod.ts';
import { describeBinding, describeRole } from './rbac.ts';
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

const DESCRIBERS: Readonly<Record<string, Describer>> = {
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
  Role: of(describeRole, false),
  ClusterRole: of(describeRole, false),
  RoleBinding: of(describeBinding, false),
  ClusterRoleBinding: of(describeBinding, false),
};

export const describerOf = (o: KubeObject): Describer => DESCRIBERS[o.kind ?? ''] ?? of(describeAny);
