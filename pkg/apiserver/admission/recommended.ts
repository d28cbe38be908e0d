import type { Clock } from '#async/clock.ts';
import type { Logger } from '#process/logger.ts';
import type { RbacAuthorizer } from '../authz/rbac.ts';
import type { Authorizer } from '../authz/rules.ts';
import type { ResourceTable } from '../registry/resource.ts';
import { certificateAdmission } from './certificates.ts';
import { claimResize } from './claim-resize.ts';
import { defaultIngressClass, defaultStorageClass } from './class-defaults.ts';
import { defaultTolerationSeconds } from './default-tolerations.ts';
import { limitRanger } from './limit-ranger.ts';
import type { Lookup } from './lookup.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { nodeRestriction } from './node-restriction.ts';
import { ownerReferencesPermission } from './owner-references.ts';
import { podSecurity } from './pod-security/admission.ts';
import { validatingPolicies } from './policies/plugin.ts';
import { priorityAdmission } from './priority.ts';
import { rbacEscalation } from './rbac-escalation.ts';
import { runtimeClassAdmission } from './runtime-class.ts';
import { serviceAccountAdmission } from './service-account.ts';
import { storageObjectInUseProtection } from './storage-protection.ts';
import { taintNodesByCondition } from './taint-nodes.ts';
import { type Admission, admissionChain } from './types.ts';
import type { ServiceResolver } from './webhooks/call.ts';
import { mutatingWebhooks, validatingWebhooks } from './webhooks/plugin.ts';

export interface RecommendedAdmissionDeps {
  readonly lookup: Lookup;
  readonly resources: ResourceTable;
  readonly authorizer: Authorizer;
  readonly rbac: RbacAuthorizer;
  /** Where webhooks are that are named by their Service. */
  readonly resolve: ServiceResolver;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Who is asked about objects, and who about connections to pods, Services and nodes. */
export interface RecommendedAdmission {
  readonly objects: Admission;
  readonly connections: Admission;
}

/**
 * The plugins that are on by default, in Kubernetes' order; quotas are no plugin but a part of the write, which they must not miss.
 * Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/
 */
export function recommendedAdmission(deps: RecommendedAdmissionDeps): RecommendedAdmission {
  const { lookup, resources, authorizer, rbac } = deps;
  const judges = [mutatingWebhooks(deps), validatingPolicies(deps), validatingWebhooks(deps)];
  const objects = admissionChain([
    namespaceLifecycle(lookup),
    limitRanger(lookup),
    serviceAccountAdmission(lookup),
    nodeRestriction(lookup),
    taintNodesByCondition,
    podSecurity(lookup),
    priorityAdmission(lookup),
    defaultTolerationSeconds,
    storageObjectInUseProtection,
    defaultIngressClass(lookup),
    defaultStorageClass(lookup),
    claimResize(lookup),
    ownerReferencesPermission(resources, authorizer),
    rbacEscalation(lookup, authorizer, rbac),
    runtimeClassAdmission(lookup),
    certificateAdmission(authorizer),
    ...judges,
  ]);
  return { objects, connections: admissionChain(judges) };
}
