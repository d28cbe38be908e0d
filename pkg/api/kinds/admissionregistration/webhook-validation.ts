import { compileConditions } from '../../expressions/policy.ts';
import { sameJson } from '../../meta/equal.ts';
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
const ALL_SIDE_EFFECTS = [...SIDE_EFFECTS, 'Some', 'Unknown'];
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

const isKnown = (versions: readonly string[] | undefined): boolean =>
  versions?.some((v) => REVIEW_VERSIONS.includes(v)) ?? false;

function validateVersions(path: string, versions: readonly string[], isLax: boolean): FieldError[] {
  if (versions.length === 0) return [required(path, `must specify one of ${REVIEW_VERSIONS.join(', ')}`)];
  const found = versions.flatMap((v, i) => {
    const at = `${path}[${i}]`;
    return versions.indexOf(v) < i ? [invalid(at, v, 'duplicate version')] : invalidFor(at, v, dns1035Label(v));
  });
  if (isLax || isKnown(versions)) return found;
  return [...found, invalid(path, versions, `must include at least one of ${REVIEW_VERSIONS.join(', ')}`)];
}

function validateSideEffects(path: string, effects: string | undefined, allowed: readonly string[]): FieldError[] {
  if (effects === undefined) return [required(path, `must specify one of ${allowed.join(', ')}`)];
  return oneOfOptional(path, effects, allowed);
}

/** What was wrong before may stay wrong: rules that came later must not keep anybody from updating the rest. */
interface Laxity {
  readonly conditions: boolean;
  readonly sideEffects: boolean;
  readonly versions: boolean;
  readonly names: boolean;
}

const STRICT: Laxity = { conditions: false, sideEffects: false, versions: false, names: false };

const laxityOf = (list: readonly ValidatingWebhook[], old: readonly ValidatingWebhook[]): Laxity => ({
  conditions:
    list.length === old.length &&
    list.every((w, i) => sameJson(w.matchConditions ?? [], old[i]?.matchConditions ?? [])),
  sideEffects: !old.every((w) => SIDE_EFFECTS.includes(w.sideEffects ?? '')),
  versions: !old.every((w) => isKnown(w.admissionReviewVersions)),
  names: new Set(old.map((w) => w.name)).size < old.length,
});

/** Conditions under which somebody is asked, by form and by content. */
const validateMatchConditions = (path: string, list: readonly MatchCondition[] | undefined): FieldError[] => [
  ...validateConditions(path, list),
  ...compileConditions(path, list).problems.map((p) => invalid(p.field, p.expression, p.why)),
];

function validateWebhook(path: string, w: ValidatingWebhook, lax: Laxity): FieldError[] {
  const found = fullyQualifiedName(`${path}.name`, w.name);
  const effects = lax.sideEffects ? ALL_SIDE_EFFECTS : SIDE_EFFECTS;
  found.push(...validateVersions(`${path}.admissionReviewVersions`, w.admissionReviewVersions ?? [], lax.versions));
  found.push(
    ...(w.rules ?? []).flatMap((r, i) => validateOperations(`${path}.rules[${i}]`, r)),
    ...oneOfOptional(`${path}.failurePolicy`, w.failurePolicy, ['Fail', 'Ignore']),
    ...oneOfOptional(`${path}.matchPolicy`, w.matchPolicy, ['Equivalent', 'Exact']),
    ...validateSideEffects(`${path}.sideEffects`, w.sideEffects, effects),
    ...validateLabelSelector(w.namespaceSelector, `${path}.namespaceSelector`),
    ...validateLabelSelector(w.objectSelector, `${path}.objectSelector`),
    ...validateClientConfig(`${path}.clientConfig`, w.clientConfig),
    ...(lax.conditions ? [] : validateMatchConditions(`${path}.matchConditions`, w.matchConditions)),
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

interface Configuration {
  readonly webhooks?: readonly (ValidatingWebhook & WithReinvocation)[];
}

/** The webhooks of a configuration, changing or validating. */
export function validateWebhooks({ webhooks: list = [] }: Configuration, old?: Configuration): FieldError[] {
  const names = new Set<string>();
  const lax = old ? laxityOf(list, old.webhooks ?? []) : STRICT;
  return list.flatMap((w, i) => {
    const path = `webhooks[${i}]`;
    const found = validateWebhook(path, w, lax);
    if (!lax.names && w.name && names.has(w.name)) found.push(duplicate(`${path}.name`, w.name));
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
