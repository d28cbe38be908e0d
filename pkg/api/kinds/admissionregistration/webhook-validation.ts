import { compileConditions } from '../../expressions/policy.ts';
import { duplicate, type FieldError, forbidden, invalid, required, tooMany } from '../../meta/fielderrors.ts';
import { type LabelSelectorLike, validateLabelSelector } from '../../meta/labels.ts';
import { dns1035Label, dnsSubdomain, pathSegment, qualifiedName } from '../../meta/names.ts';
import { invalidFor, oneOfOptional } from '../check/check.ts';
import { validateClientConfig } from './client-validation.ts';
import { validateOperations } from './rule-validation.ts';
import type { MatchCondition } from './rules.ts';
import type { ValidatingWebhook } from './validatingwebhook.ts';

const REVIEW_VERSIONS = ['v1', 'v1beta1'];
const SIDE_EFFECTS = ['None', 'NoneOnDryRun'];
const MAX_TIMEOUT_SECONDS = 30;
const EXCLUSIVE = 'name and selector are mutually exclusive';
const MAX_CONDITIONS = 64;

export function validateConditions(path: string, list: readonly MatchCondition[] | undefined): FieldError[] {
  const names = new Set<string>();
  const found = (list?.length ?? 0) > MAX_CONDITIONS ? [tooMany(path, list?.length ?? 0, MAX_CONDITIONS)] : [];
  const wrong = (list ?? []).flatMap((c, i) => {
    const at = `${path}[${i}]`;
    const found = c.name ? invalidFor(`${at}.name`, c.name, qualifiedName(c.name)) : [required(`${at}.name`)];
    if (!c.expression?.trim()) found.push(required(`${at}.expression`));
    if (names.has(c.name)) found.push(duplicate(`${at}.name`, c.name));
    names.add(c.name);
    return found;
  });
  return [...found, ...wrong];
}

/** A domain name of three labels or more. */
function fullyQualifiedName(path: string, name: string): FieldError[] {
  if (!name) return [required(path)];
  const wrong = dnsSubdomain(name);
  if (wrong.length > 0) return [invalid(path, name, wrong.join(','))];
  const short = 'should be a domain with at least three segments separated by dots';
  return name.split('.').length < 3 ? [invalid(path, name, short)] : [];
}

function validateVersions(path: string, versions: readonly string[]): FieldError[] {
  if (versions.length === 0) return [required(path, `must specify one of ${REVIEW_VERSIONS.join(', ')}`)];
  const found = versions.flatMap((v, i) => {
    const at = `${path}[${i}]`;
    return versions.indexOf(v) < i ? [invalid(at, v, 'duplicate version')] : invalidFor(at, v, dns1035Label(v));
  });
  if (versions.some((v) => REVIEW_VERSIONS.includes(v))) return found;
  return [...found, invalid(path, versions, `must include at least one of ${REVIEW_VERSIONS.join(', ')}`)];
}

function validateSideEffects(path: string, effects: string | undefined): FieldError[] {
  if (effects === undefined) return [required(path, `must specify one of ${SIDE_EFFECTS.join(', ')}`)];
  return oneOfOptional(path, effects, SIDE_EFFECTS);
}

function validateWebhook(path: string, w: ValidatingWebhook): FieldError[] {
  const found = fullyQualifiedName(`${path}.name`, w.name);
  found.push(...validateVersions(`${path}.admissionReviewVersions`, w.admissionReviewVersions ?? []));
  found.push(
    ...(w.rules ?? []).flatMap((r, i) => validateOperations(`${path}.rules[${i}]`, r)),
    ...oneOfOptional(`${path}.failurePolicy`, w.failurePolicy, ['Fail', 'Ignore']),
    ...oneOfOptional(`${path}.matchPolicy`, w.matchPolicy, ['Equivalent', 'Exact']),
    ...validateSideEffects(`${path}.sideEffects`, w.sideEffects),
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
    if (w.name && names.has(w.name)) found.push(duplicate(`${path}.name`, w.name));
    names.add(w.name);
    return [...found, ...oneOfOptional(`${path}.reinvocationPolicy`, w.reinvocationPolicy, ['IfNeeded', 'Never'])];
  });
}

/** A policy's parameters are named or selected, not both. */
export function eitherNameOrSelector(
  path: string,
  name: string | undefined,
  selector?: LabelSelectorLike,
): FieldError[] {
  const found = validateLabelSelector(selector, `${path}.selector`);
  if (name) found.push(...invalidFor(`${path}.name`, name, pathSegment(name)));
  if (!name && !selector) return [...found, required(path, 'one of name or selector must be specified')];
  if (!name || !selector) return found;
  return [...found, ...['name', 'selector'].map((k) => forbidden(`${path}.${k}`, EXCLUSIVE))];
}
