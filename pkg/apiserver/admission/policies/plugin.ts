import { type CompiledPolicy, compilePolicy } from '#api/expressions/policy.ts';
import {
  type MatchResources,
  ValidatingAdmissionPolicies,
  type ValidatingAdmissionPolicy,
  type ValidatingAdmissionPolicyBinding,
  ValidatingAdmissionPolicyBindings,
} from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { dynamicValue, type Value } from '#cel/index.ts';
import type { Authorizer } from '../../authz/rules.ts';
import type { Resource, ResourceTable } from '../../registry/resource.ts';
import { requestVariables } from '../expressions.ts';
import type { Lookup } from '../lookup.ts';
import { type Criteria, isExempt, type Matched, matchedOf, matchedVersion } from '../matching.ts';
import { inVersion } from '../request.ts';
import type { AdmissionPlugin, Attributes } from '../types.ts';
import { type Judgement, judge, type Violation } from './evaluate.ts';
import { ConfigurationError, paramsOf } from './params.ts';

type Policy = Stored<ValidatingAdmissionPolicy>;
type Binding = Stored<ValidatingAdmissionPolicyBinding>;

export interface PolicyDeps {
  readonly lookup: Lookup;
  readonly resources: ResourceTable;
  readonly authorizer: Authorizer;
}

const FAILURE_KEY = 'validation.policy.admission.k8s.io/validation_failure';
const CODES: ReadonlyMap<string, number> = new Map([
  ['Unauthorized', 401],
  ['Forbidden', 403],
  ['RequestEntityTooLarge', 413],
  ['Invalid', 422],
]);

const criteriaOf = (m: MatchResources, everything: boolean): Criteria => ({
  rules: m.resourceRules?.length || !everything ? (m.resourceRules ?? []) : [EVERYTHING],
  excluded: m.excludeResourceRules ?? [],
  ...(m.matchPolicy ? { matchPolicy: m.matchPolicy } : {}),
  ...(m.namespaceSelector ? { namespaceSelector: m.namespaceSelector } : {}),
  ...(m.objectSelector ? { objectSelector: m.objectSelector } : {}),
});
/** A binding without rules is about all its policy is about. */
const EVERYTHING = { operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*', '*/*'] };

/** A request in one version of its resource. */
interface View {
  readonly a: Attributes;
  readonly globals: Readonly<Record<string, Value>>;
}

/** A policy in force, broken. */
interface Breach extends Violation {
  readonly policy: string;
  readonly binding: string;
  readonly actions: readonly string[];
}

function refusal(a: Attributes, { policy, binding, message, reason = 'Invalid' }: Breach): Error {
  const said = `ValidatingAdmissionPolicy '${policy}' with binding '${binding}' denied request: ${message}`;
  const e = errors.forbidden(a.resource.ref, a.name || (a.object?.metadata?.generateName ?? 'Unknown!'), said);
  e.status.reason = reason;
  e.status.code = CODES.get(reason) ?? 422;
  e.status.details = { ...e.status.details, causes: [{ message: said }] };
  return e;
}

/** Holds requests against ValidatingAdmissionPolicies that bindings put into force. */
class Policies {
  readonly #deps: PolicyDeps;
  readonly #compiled = new WeakMap<Policy, CompiledPolicy>();

  constructor(deps: PolicyDeps) {
    this.#deps = deps;
  }

  async validate(a: Attributes): Promise<void> {
    const { lookup, resources, authorizer } = this.#deps;
    const bindings = lookup.list(ValidatingAdmissionPolicyBindings, '');
    if (bindings.length === 0 || isExempt(a)) return;
    const request = await matchedOf(a, lookup, resources);
    const breaches: Breach[] = [];
    const views = new Map<string, View>();
    const viewIn = async (version: Resource): Promise<View> => {
      const known = views.get(version.apiVersion);
      if (known) return known;
      const shown = await inVersion(a, version);
      const view = {
        a: shown,
        globals: { ...requestVariables(shown, authorizer), namespaceObject: namespaceValue(request) },
      };
      views.set(version.apiVersion, view);
      return view;
    };
    for (const policy of lookup.list(ValidatingAdmissionPolicies, '')) {
      const version = matchedVersion(criteriaOf(policy.spec?.matchConstraints ?? {}, false), request);
      if (!version) continue;
      for (const binding of bindings) {
        if (binding.spec?.policyName !== policy.metadata.name) continue;
        const { matchResources } = binding.spec;
        if (matchResources && !matchedVersion(criteriaOf(matchResources, true), request)) continue;
        breaches.push(...(await this.#breaches(policy, binding, await viewIn(version))));
      }
    }
    this.#tell(a, breaches);
    const denied = breaches.find((b) => b.actions.includes('Deny'));
    if (denied) throw refusal(a, denied);
  }

  #programs(policy: Policy): CompiledPolicy {
    let compiled = this.#compiled.get(policy);
    if (!compiled) {
      compiled = compilePolicy(policy.spec ?? {});
      this.#compiled.set(policy, compiled);
    }
    return compiled;
  }

  async #breaches(policy: Policy, binding: Binding, { a, globals }: View): Promise<Breach[]> {
    const ignoresFailures = policy.spec?.failurePolicy === 'Ignore';
    const names = { policy: policy.metadata.name, binding: binding.metadata.name };
    const breach = (v: Violation): Breach => ({ ...names, actions: binding.spec?.validationActions ?? [], ...v });
    const misconfigured = (message: string): Breach[] =>
      ignoresFailures ? [] : [{ ...names, actions: ['Deny'], message }];
    const programs = this.#programs(policy);
    const [problem] = programs.problems;
    if (problem) return misconfigured(`failed to configure policy: ${problem.why}`);
    try {
      const { paramKind } = policy.spec ?? {};
      const params = await paramsOf(this.#deps.resources, paramKind, binding.spec?.paramRef, a);
      return params.flatMap((p) => {
        const judgement = judge(programs, paramKind ? { ...globals, params: dynamicValue(p ?? null) } : globals, {
          ignoresFailures,
        });
        annotate(a, policy.metadata.name, judgement);
        return judgement.violations.map(breach);
      });
    } catch (e) {
      if (!(e instanceof ConfigurationError)) throw e;
      return misconfigured(`failed to configure binding: ${e.message}`);
    }
  }

  /** Warnings and entries of the audit log. */
  #tell(a: Attributes, breaches: readonly Breach[]): void {
    const audited: object[] = [];
    for (const { policy, binding, actions, message, index } of breaches) {
      if (actions.includes('Warn')) {
        a.warnings.push(
          `Validation failed for ValidatingAdmissionPolicy '${policy}' with binding '${binding}': ${message}`,
        );
      }
      if (!actions.includes('Audit')) continue;
      audited.push({
        message,
        policy,
        binding,
        ...(index === undefined ? {} : { expressionIndex: index }),
        validationActions: actions,
      });
    }
    if (audited.length > 0) a.annotations?.set(FAILURE_KEY, JSON.stringify(audited));
  }
}

/** The values of one key, of several bindings, stand beside each other. */
function annotate(a: Attributes, policy: string, { annotations }: Judgement): void {
  for (const { key, value } of annotations) {
    const name = `${policy}/${key}`;
    const before = a.annotations?.get(name);
    if (before === undefined) a.annotations?.set(name, value);
    else if (!before.split(', ').includes(value)) a.annotations?.set(name, `${before}, ${value}`);
  }
}

const namespaceValue = ({ namespace }: Matched): Value => dynamicValue(namespace ?? null);

/** ValidatingAdmissionPolicies in force. A change of one counts for the next request that sees it in the cache. */
export function validatingPolicies(deps: PolicyDeps): AdmissionPlugin {
  const policies = new Policies(deps);
  return { name: 'ValidatingAdmissionPolicy', validate: (a) => policies.validate(a) };
}
