import { deploymentController } from './deployment/controller.ts';
import { endpointsController } from './endpoints/controller.ts';
import { endpointSliceController } from './endpointslice/controller.ts';
import { garbageCollector } from './garbagecollector/controller.ts';
import type { Controller, ControllerDeps } from './harness/controller.ts';
import { namespaceController } from './namespace/controller.ts';
import { nodeIpamController } from './nodeipam/controller.ts';
import { nodeLifecycleController } from './nodelifecycle/controller.ts';
import { podGcController } from './podgc/controller.ts';
import { replicaSetController, replicationController } from './replicaset/controller.ts';
import { rootCaController } from './rootca/controller.ts';
import { serviceAccountController } from './serviceaccount/controller.ts';
import { tokenCleaner } from './tokencleaner/controller.ts';

export interface ControllerSettings {
  readonly nodeMonitorGracePeriodMs: number;
  readonly clusterCidr: string;
  readonly nodeCidrMaskSize: number;
  readonly allocateNodeCidrs: boolean;
  /** PEM of the API server's CA; undefined: it is not published. */
  readonly rootCa: string | undefined;
}

type Factory = (deps: ControllerDeps, settings: ControllerSettings) => Controller | undefined;

/** Every controller by the name `--controllers` knows it under. */
export const CONTROLLERS: Readonly<Record<string, Factory>> = {
  deployment: deploymentController,
  replicaset: replicaSetController,
  replicationcontroller: replicationController,
  endpoints: endpointsController,
  endpointslice: endpointSliceController,
  namespace: namespaceController,
  'garbage-collector': garbageCollector,
  'node-lifecycle': (deps, s) => nodeLifecycleController(deps, { gracePeriodMs: s.nodeMonitorGracePeriodMs }),
  'node-ipam': (deps, s) =>
    s.allocateNodeCidrs
      ? nodeIpamController(deps, { clusterCidr: s.clusterCidr, maskSize: s.nodeCidrMaskSize })
      : undefined,
  'pod-gc': podGcController,
  serviceaccount: serviceAccountController,
  'token-cleaner': tokenCleaner,
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
