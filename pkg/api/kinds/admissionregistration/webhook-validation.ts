import { compileConditions } from '../../expressions/policy.ts';
import { duplicate, type FieldError, forbidden, invalid, required } from '../../meta/fielderrors.ts';
import { validateLabelSelector } from '../../meta/labels.ts';
import { dnsSubdomain, qualifiedName } from '../../meta/names.ts';
import { invalidFor, oneOfOptional, oneOfRequired } from '../check/check.ts';
import type { MatchCondition, RuleWithOperations } from './rules.ts';
import type { ValidatingWebhook } from './validatingwebhook.ts';
import type { WebhookClientConfig } from './webhook-client.ts';

const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
const REVIEW_VERSIONS = ['v1', 'v1beta1'];
const MAX_TIMEOUT_SECONDS = 30;

/** Where a webhook is: a URL or a service. */
export function validateClientConfig(path: string, c: WebhookClientConfig | undefined): FieldError[] {
  const found: FieldError[] = [];
  const { url, service } = c ?? {};
  if ((url === undefined) === (service === undefined)) {
    return [required(path, 'exactly one of url or service is required')];
  }
  if (url !== undefined && !/^https:\/\/[^/?#@]+(\/[^?#]*)?$/.test(url)) {
    found.push(
      invalid(`${path}.url`, url, "'https' is the only allowed URL scheme; desired format: https://host[/path]"),
    );
  }
  if (service) {
    for (const k of ['name', 'namespace'] as const) if (!service[k]) found.push(required(`${path}.service.${k}`));
    if (service.path !== undefined && !service.path.startsWith('/')) {
      found.push(invalid(`${path}.service.path`, service.path, "must start with a '/'"));
    }
  }
  return found;
}

/** Operations and resources a webhook or policy is asked about. */
export function validateOperations(path: string, r: RuleWithOperations): FieldError[] {
  const found: FieldError[] = [];
  if (!r.operations?.length) found.push(required(`${path}.operations`));
  else found.push(...r.operations.flatMap((op, i) => oneOfRequired(`${path}.operations[${i}]`, op, OPERATIONS)));
  if ((r.operations?.length ?? 0) > 1 && r.operations?.includes('*')) {
    found.push(invalid(`${path}.operations`, r.operations, "if '*' is present, must not specify other operations"));
  }
  for (const k of ['apiGroups', 'apiVersions', 'resources'] as const) {
    if (!r[k]?.length) found.push(required(`${path}.${k}`));
    else if (k !== 'resources' && (r[k]?.length ?? 0) > 1 && r[k]?.includes('*')) {
      const what = k === 'apiGroups' ? 'API groups' : 'API versions';
      found.push(invalid(`${path}.${k}`, r[k], `if '*' is present, must not specify other ${what}`));
    }
  }
  return [...found, ...oneOfOptional(`${path}.scope`, r.scope, ['*', 'Cluster', 'Namespaced'])];
}

export function validateConditions(path: string, list: readonly MatchCondition[] | undefined): FieldError[] {
  const names = new Set<string>();
  return (list ?? []).flatMap((c, i) => {
    const at = `${path}[${i}]`;
    const found = c.name ? invalidFor(`${at}.name`, c.name, qualifiedName(c.name)) : [required(`${at}.name`)];
    if (!c.expression?.trim()) found.push(required(`${at}.expression`));
    if (names.has(c.name)) found.push(duplicate(`${at}.name`, c.name));
    names.add(c.name);
    return found;
  });
}

function validateWebhook(path: string, w: ValidatingWebhook): FieldError[] {
  const found = w.name ? invalidFor(`${path}.name`, w.name, dnsSubdomain(w.name)) : [required(`${path}.name`)];
  if (w.name && w.name.split('.').length < 3) {
    found.push(invalid(`${path}.name`, w.name, 'should be a domain with at least three segments separated by dots'));
  }
  const versions = w.admissionReviewVersions ?? [];
  const at = `${path}.admissionReviewVersions`;
  if (versions.length === 0) found.push(required(at, `must specify one of ${REVIEW_VERSIONS.join(', ')}`));
  else if (!versions.some((v) => REVIEW_VERSIONS.includes(v))) {
    found.push(invalid(at, versions, `must include at least one of ${REVIEW_VERSIONS.join(', ')}`));
  }
  found.push(
    ...(w.rules ?? []).flatMap((r, i) => validateOperations(`${path}.rules[${i}]`, r)),
    ...oneOfOptional(`${path}.failurePolicy`, w.failurePolicy, ['Fail', 'Ignore']),
    ...oneOfOptional(`${path}.matchPolicy`, w.matchPolicy, ['Equivalent', 'Exact']),
    ...oneOfRequired(`${path}.sideEffects`, w.sideEffects, ['None', 'NoneOnDryRun']),
    ...validateLabelSelector(w.namespaceSelector, `${path}.namespaceSelector`),
    ...validateLabelSelector(w.objectSelector, `${path}.objectSelector`),
    ...validateClientConfig(`${path}.clientConfig`, w.clientConfig),
    ...validateConditions(`${path}.matchConditions`, w.matchConditions),
    ...compileConditions(`${path}.matchConditions`, w.matchConditions).problems.map((p) =>
      invalid(p.field, p.expression, p.why),
    ),
  );
  const seconds = w.timeoutSeconds;
  if (seconds !== undefined && (seconds < 1 || seconds > MAX_TIMEOUT_SECONDS)) {
    const why = `the timeout value must be between 1 and ${MAX_TIMEOUT_SECONDS} seconds`;
    found.push(invalid(`${path}.timeoutSeconds`, seconds, why));
  }
  return found;
}

interface WithReinvocation {
  reinvocationPolicy?: string;
}

/** The webhooks of a configuration, changing or validating. */
export function validateWebhooks(list: readonly (ValidatingWebhook & WithReinvocation)[] | undefined): FieldError[] {
  const names = new Set<string>();
  return (list ?? []).flatMap((w, i) => {
    const path = `webhooks[${i}]`;
    const found = validateWebhook(path, w);
    if (names.has(w.name)) found.push(duplicate(`${path}.name`, w.name));
    names.add(w.name);
    return [...found, ...oneOfOptional(`${path}.reinvocationPolicy`, w.reinvocationPolicy, ['IfNeeded', 'Never'])];
  });
}

/** A policy's parameters are named or selected, not both. */
export const eitherNameOrSelector = (path: string, name: unknown, selector: unknown): FieldError[] => {
  if (name && selector) return [forbidden(`${path}.name`, 'name and selector are mutually exclusive')];
  return name || selector ? [] : [required(path, 'one of name or selector must be specified')];
};
