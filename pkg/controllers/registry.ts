import { attachDetachController } from './attachdetach/controller.ts';
import { bootstrapSigner, tokenCleaner } from './bootstrap/controller.ts';
import {
  type ClusterSigning,
  certificateApproving,
  certificateCleaner,
  certificateSigning,
} from './certificates/controller.ts';
import { clusterRoleAggregation } from './clusterroleaggregation/controller.ts';
import { cronJobController } from './cronjob/controller.ts';
import { daemonSetController } from './daemonset/controller.ts';
import { deploymentController } from './deployment/controller.ts';
import { disruptionController } from './disruption/controller.ts';
import { endpointsController } from './endpoints/controller.ts';
import { endpointSliceController } from './endpointslice/controller.ts';
import { endpointSliceMirroring } from './endpointslicemirroring/controller.ts';
import { ephemeralVolumes } from './ephemeralvolume/controller.ts';
import { garbageCollector } from './garbagecollector/controller.ts';
import type { Controller, ControllerDeps } from './harness/controller.ts';
import { jobController } from './job/controller.ts';
import { type LocalPathOptions, localPathProvisioner } from './localpath/controller.ts';
import { manifestFolder } from './manifests/controller.ts';
import { namespaceController } from './namespace/controller.ts';
import type { SubnetPool } from './nodeipam/cidrs.ts';
import { nodeIpamController } from './nodeipam/controller.ts';
import { nodeLifecycleController } from './nodelifecycle/controller.ts';
import { volumeBinder } from './persistentvolume/binder.ts';
import { attributesClassProtection, claimProtection, volumeProtection } from './persistentvolume/protection.ts';
import { type AutoscalerSettings, podAutoscaler } from './podautoscaler/controller.ts';
import { podGcController } from './podgc/controller.ts';
import { replicaSetController, replicationController } from './replicaset/controller.ts';
import { rootCaController } from './rootca/controller.ts';
import { serviceAccountController } from './serviceaccount/controller.ts';
import { serviceAccountTokens } from './serviceaccounttoken/controller.ts';
import { serviceCidrController } from './servicecidr/controller.ts';
import { serviceLoadBalancer } from './servicelb/controller.ts';
import type { AddressPool } from './servicelb/pools.ts';
import { statefulSetController } from './statefulset/controller.ts';
import { nodeTtlController } from './ttl/controller.ts';
import { ttlAfterFinished } from './ttlafterfinished/controller.ts';
import { policyStatusController } from './validatingadmissionpolicystatus/controller.ts';

export interface ControllerSettings {
  readonly nodeMonitorGracePeriodMs: number;
  /** Where nodes get their subnets from, one pool of each address family at most. */
  readonly nodeSubnets: readonly SubnetPool[];
  readonly allocateNodeCidrs: boolean;
  /** Addresses of Services, which no node gets; empty: not known. */
  readonly serviceClusterIpRanges: readonly string[];
  /** PEM of the API server's CA; undefined: it is not published. */
  readonly rootCa: string | undefined;
  /** Signs what has been approved. */
  readonly clusterSigning: ClusterSigning;
  readonly autoscaler: AutoscalerSettings;
  readonly localPath: LocalPathOptions;
  /** Addresses for services of type LoadBalancer; none: they have those of the nodes. */
  readonly loadBalancerPools: readonly AddressPool[];
  /** Folder whose manifests are applied; empty: none. */
  readonly manifestsDir: string;
}

type Factory = (deps: ControllerDeps, settings: ControllerSettings) => Controller | undefined;

/** Every controller by the name `--controllers` knows it under. */
export const CONTROLLERS: Readonly<Record<string, Factory>> = {
  deployment: deploymentController,
  replicaset: replicaSetController,
  replicationcontroller: replicationController,
  daemonset: daemonSetController,
  statefulset: statefulSetController,
  job: jobController,
  cronjob: cronJobController,
  disruption: disruptionController,
  'persistentvolume-binder': (deps, s) => volumeBinder(deps, s.localPath),
  manifests: (deps, s) => (s.manifestsDir ? manifestFolder(deps, s.manifestsDir) : undefined),
  'local-path-provisioner': (deps, s) => localPathProvisioner(deps, s.localPath),
  attachdetach: attachDetachController,
  'ephemeral-volume': ephemeralVolumes,
  'pvc-protection': claimProtection,
  'pv-protection': volumeProtection,
  'volumeattributesclass-protection': attributesClassProtection,
  'ttl-after-finished': ttlAfterFinished,
  endpoints: endpointsController,
  endpointslice: endpointSliceController,
  'endpointslice-mirroring': endpointSliceMirroring,
  namespace: namespaceController,
  'garbage-collector': garbageCollector,
  'node-lifecycle': (deps, s) => nodeLifecycleController(deps, { gracePeriodMs: s.nodeMonitorGracePeriodMs }),
  'node-ipam': (deps, s) =>
    s.allocateNodeCidrs
      ? nodeIpamController(deps, { pools: s.nodeSubnets, serviceCidrs: s.serviceClusterIpRanges })
      : undefined,
  ttl: nodeTtlController,
  'pod-gc': podGcController,
  serviceaccount: serviceAccountController,
  'serviceaccount-token': (deps, s) => serviceAccountTokens(deps, s.rootCa),
  'clusterrole-aggregation': clusterRoleAggregation,
  'service-cidr': serviceCidrController,
  'service-lb': (deps, s) => serviceLoadBalancer(deps, s.loadBalancerPools),
  'csr-approving': certificateApproving,
  'csr-signing': (deps, s) => certificateSigning(deps, s.clusterSigning),
  'csr-cleaner': certificateCleaner,
  'bootstrap-signer': (deps, s) => (s.rootCa === undefined ? undefined : bootstrapSigner(deps, s.rootCa)),
  'token-cleaner': tokenCleaner,
  'validatingadmissionpolicy-status': policyStatusController,
  'horizontal-pod-autoscaler': (deps, s) => podAutoscaler(deps, s.autoscaler),
  'root-ca': (deps, s) => (s.rootCa === undefined ? undefined : rootCaController(deps, s.rootCa)),
};

/** The names that a list such as "*,-pod-gc" switches on. @throws RangeError naming an unknown one */
export function enabledControllers(list: string): string[] {
  const items = list
    .split(',')
    .map((i) => i.trim())
    .filter(Boolean);
  const known = Object.keys(CONTROLLERS);
  const unknown = items.find((i) => i !== '*' && !known.includes(i.replace(/^-/, '')));
  if (unknown) throw new RangeError(`"${unknown}" is not a controller; known are ${known.join(', ')}`);
  const off = new Set(items.filter((i) => i.startsWith('-')).map((i) => i.slice(1)));
  const all = items.includes('*');
  return known.filter((k) => !off.has(k) && (all || items.includes(k)));
}
