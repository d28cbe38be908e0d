import { type AccessQuestion, authorizerOf, type Permissions, resourceCheckOf } from '#api/expressions/authorizer.ts';
import { CALL_LIMIT, CONDITIONS_LIMIT } from '#api/expressions/environment.ts';
import type { NamedProgram } from '#api/expressions/policy.ts';
import { Budget, CostLimitError, dynamicValue, EvaluationError, type Value } from '#cel/index.ts';
import type { Authorizer } from '../authz/rules.ts';
import type { UserInfo } from '../request/context.ts';
import { admissionRequestOf, typedObject } from './request.ts';
import type { Attributes } from './types.ts';

/** What a user may do, as expressions ask. */
function permissionsOf(authorizer: Authorizer, user: UserInfo): Permissions {
  return {
    allows(verb, q: AccessQuestion) {
      const { group = '', resource = '', subresource = '', namespace = '', name = '', path } = q;
      const isResource = path === undefined;
      return authorizer.allows(user, {
        verb,
        isResource,
        group,
        resource,
        subresource,
        namespace,
        name,
        path: path ?? '',
      });
    },
    ofServiceAccount(namespace, name) {
      const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'];
      return permissionsOf(authorizer, { name: `system:serviceaccount:${namespace}:${name}`, groups });
    },
  };
}

/** Variables that conditions and policies speak of. */
export function requestVariables(a: Attributes, authorizer: Authorizer): Record<string, Value> {
  const { kind } = a.resource;
  const permissions = permissionsOf(authorizer, a.user);
  const question = {
    group: kind.group,
    resource: kind.plural,
    subresource: a.subresource,
    namespace: a.namespace,
    name: a.name,
  };
  return {
    object: dynamicValue(typedObject(a, a.object)),
    oldObject: dynamicValue(typedObject(a, a.oldObject)),
    request: dynamicValue(admissionRequestOf(a)),
    authorizer: authorizerOf(permissions),
    'authorizer.requestResource': resourceCheckOf(permissions, question),
  };
}

/** What evaluating came to: an error of the expression is told, everything else is thrown. */
export type Outcome = { readonly value: Value } | { readonly error: string };

export function evaluated(work: () => Value): Outcome {
  try {
    return { value: work() };
  } catch (e) {
    if (e instanceof EvaluationError || e instanceof CostLimitError) return { error: e.message };
    throw e;
  }
}

/**
 * Do all match conditions hold? One that is false decides, whatever others say.
 * @returns errors of conditions, when they leave it open
 */
export function conditionsHold(
  conditions: readonly NamedProgram[],
  globals: Readonly<Record<string, Value>>,
): { readonly holds: boolean; readonly errors: readonly string[] } {
  const budget = new Budget(CONDITIONS_LIMIT);
  const errors: string[] = [];
  for (const { name, program } of conditions) {
    const outcome = evaluated(() => program.evaluate(globals, budget, CALL_LIMIT));
    if ('error' in outcome) errors.push(`condition ${JSON.stringify(name)}: ${outcome.error}`);
    else if (outcome.value !== true) return { holds: false, errors: [] };
  }
  return { holds: errors.length === 0, errors };
}
