import {
  CustomResourceDefinitions,
  ValidatingAdmissionPolicies,
  type ValidatingAdmissionPolicy,
} from '#api/kinds/index.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import { type Controller, type ControllerDeps, type Outcome, ownKey, watching } from '../harness/controller.ts';
import { KindWrites } from '../harness/kind-writes.ts';
import { expressionWarnings } from './warnings.ts';

/** Definitions that are made one after the other lead to one look at the policies. */
const SETTLE_MS = 500;

/** Writes into the status of ValidatingAdmissionPolicies what type checking says of their expressions. */
export function policyStatusController(deps: ControllerDeps): Controller {
  const policies = deps.informers.informer(ValidatingAdmissionPolicies);
  const definitions = deps.informers.informer(CustomResourceDefinitions);
  const writes = new KindWrites<ValidatingAdmissionPolicy>(deps.client, ValidatingAdmissionPolicies);

  async function reconcile(name: string): Promise<Outcome> {
    const policy = policies.lister.get(name);
    if (!policy || policy.metadata.deletionTimestamp) return undefined;
    const warnings = expressionWarnings(policy, [...definitions.lister.list()]);
    const typeChecking = warnings.length > 0 ? { expressionWarnings: warnings } : {};
    const observedGeneration = policy.metadata.generation ?? 0;
    try {
      await writes.status(policy, { ...policy.status, observedGeneration, typeChecking });
    } catch (e) {
      // A newer version of it is on its way to the cache, and brings the key again.
      if (!isNotFound(e) && !isConflict(e)) throw e;
    }
    return undefined;
  }

  return {
    name: 'validatingadmissionpolicy-status',
    watches: [
      watching(ValidatingAdmissionPolicies, ownKey),
      watching(CustomResourceDefinitions, () => [...policies.lister.list()].map((p) => p.metadata.name), {
        delayMs: SETTLE_MS,
      }),
    ],
    reconcile,
  };
}
