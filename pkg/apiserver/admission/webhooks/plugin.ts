import { compileConditions } from '#api/expressions/policy.ts';
import { apiVersionOf, type Kind } from '#api/kind.ts';
import {
  type MutatingWebhook,
  MutatingWebhookConfigurations,
  ValidatingWebhookConfigurations,
} from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { errors, StatusError } from '#api/meta/errors.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { decodeObject } from '#api/schema/decode.ts';
import { applyDefaults } from '#api/schema/defaults.ts';
import type { Clock } from '#async/clock.ts';
import type { Logger } from '#process/logger.ts';
import type { Authorizer } from '../../authz/rules.ts';
import type { ResourceTable } from '../../registry/resource.ts';
import { conditionsHold, requestVariables } from '../expressions.ts';
import type { Lookup } from '../lookup.ts';
import { type Matched, matchedOf, matchedVersion } from '../matching.ts';
import { inVersion, typedObject } from '../request.ts';
import type { AdmissionPlugin, Attributes } from '../types.ts';
import { callWebhook, type ServiceResolver } from './call.ts';
import { noteFailedOpen, noteMutation, notePatch, type Turn, type WebhookType } from './notes.ts';
import { patched, reviewOf, type Verdict, verdictOf } from './review.ts';
import type { Webhook } from './webhook.ts';

export interface WebhookDeps {
  readonly lookup: Lookup;
  readonly resources: ResourceTable;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly resolve: ServiceResolver;
  readonly authorizer: Authorizer;
}

const SAFE: readonly string[] = ['None', 'NoneOnDryRun'];

/** A webhook, and where it stands. */
interface Place<W extends Webhook> {
  readonly webhook: W;
  readonly configuration: string;
  /** Among those of all configurations. */
  readonly index: number;
}

/** Webhooks of all configurations, in the order of their names. */
const placesIn = <W extends Webhook>(
  configurations: readonly { readonly metadata: { readonly name: string }; readonly webhooks?: W[] }[],
): Place<W>[] =>
  configurations
    .flatMap(({ metadata, webhooks = [] }) => webhooks.map((webhook) => ({ webhook, configuration: metadata.name })))
    .map((place, index) => ({ ...place, index }));

const turnOf = ({ webhook, configuration, index }: Place<Webhook>, round: number): Turn => ({
  configuration,
  webhook: webhook.name,
  round,
  index,
});

/** Asks webhooks that configurations name ("Dynamic Admission Control"). */
class Webhooks {
  readonly #deps: WebhookDeps;
  readonly #type: WebhookType;
  readonly #conditions = new WeakMap<Webhook, ReturnType<typeof compileConditions>>();

  constructor(deps: WebhookDeps, type: WebhookType) {
    this.#deps = deps;
    this.#type = type;
  }

  matched(a: Attributes): Promise<Matched> {
    return matchedOf(a, this.#deps.lookup, this.#deps.resources);
  }

  /**
   * The request in the version a webhook is to be asked in; undefined: it is not asked.
   * @throws StatusError 403 when a match condition fails, and that is not to be ignored
   */
  async question(webhook: Webhook, request: Matched): Promise<Attributes | undefined> {
    const version = matchedVersion({ ...webhook, rules: webhook.rules ?? [] }, request);
    if (!version) return undefined;
    const a = await inVersion(request.attributes, version);
    return this.#conditionsHold(webhook, a) ? a : undefined;
  }

  #conditionsHold(webhook: Webhook, a: Attributes): boolean {
    const list = webhook.matchConditions ?? [];
    if (list.length === 0) return true;
    let compiled = this.#conditions.get(webhook);
    if (!compiled) {
      compiled = compileConditions('matchConditions', list);
      this.#conditions.set(webhook, compiled);
    }
    const { holds, errors: failed } = conditionsHold(compiled.conditions, requestVariables(a, this.#deps.authorizer));
    const [problem] = compiled.problems;
    const why = problem?.why ?? failed.join(', ');
    if (!why) return holds;
    if (webhook.failurePolicy !== 'Ignore') throw errors.forbidden(a.resource.ref, a.name, why);
    this.#deps.logger.warn({ webhook: webhook.name, why }, 'a match condition failed: the webhook is not asked');
    return false;
  }

  /** @returns undefined when it could not be asked and that is to be ignored. @throws StatusError */
  async ask(webhook: Webhook, a: Attributes, turn: Turn): Promise<Verdict | undefined> {
    if (a.dryRun && !SAFE.includes(webhook.sideEffects ?? '')) {
      throw errors.badRequest(`admission webhook "${webhook.name}" does not support dry run`);
    }
    const { review, ...asked } = reviewOf(webhook, a);
    try {
      const verdict = verdictOf(webhook, asked, await callWebhook(webhook, review, this.#deps));
      a.warnings.push(...verdict.warnings);
      for (const [key, value] of Object.entries(verdict.audit)) a.annotations?.set(key, value);
      return verdict;
    } catch (e) {
      if (e instanceof StatusError) throw e;
      const why = `failed calling webhook "${webhook.name}": ${e instanceof Error ? e.message : String(e)}`;
      if (webhook.failurePolicy !== 'Ignore') throw errors.internal(why);
      this.#deps.logger.warn({ webhook: webhook.name, why }, 'a webhook failed and is ignored');
      noteFailedOpen(a.annotations, this.#type, turn);
      return undefined;
    }
  }
}

/** The state as an object of the kind. */
function objectOf(kind: Kind, next: unknown): KubeObject {
  const typed = { ...(next as object), kind: kind.kind, apiVersion: apiVersionOf(kind) };
  const decoded = (kind.decode ? kind.decode(typed) : decodeObject(kind.schema, typed)).object as KubeObject;
  applyDefaults(kind.schema, decoded);
  kind.defaults?.(decoded);
  return decoded;
}

/** Puts the new state, in the version the webhook was shown, in place of the old one in the object that the pipeline holds. */
async function replace(a: Attributes, { resource, objectKind }: Attributes, next: unknown): Promise<void> {
  let decoded: KubeObject;
  if (objectKind?.schema) decoded = decodeObject(objectKind.schema, next).object as KubeObject;
  else {
    const shown = objectOf(resource.kind, next);
    const { storedAs } = resource;
    decoded = resource === a.resource || !storedAs ? shown : objectOf(a.resource.kind, await storedAs.toStored(shown));
  }
  const object = a.object as Record<string, unknown>;
  for (const k of Object.keys(object)) delete object[k];
  Object.assign(object, decoded);
  a.onChange?.();
}

/**
 * Puts a patch into force. @param question the request as the webhook was shown it
 * @returns whether the object is another one now
 */
async function change(a: Attributes, question: Attributes, { patch }: Verdict, turn: Turn): Promise<boolean> {
  const shown = typedObject(question, question.object);
  // The options of a connection are the client's.
  if (patch.length === 0 || !shown || a.operation === 'CONNECT') return false;
  const next = patched(turn.webhook, shown, patch);
  const isChanged = !sameJson(next, shown);
  if (isChanged) await replace(a, question, next);
  notePatch(a.annotations, turn, patch);
  return isChanged;
}

/** Webhooks that may change objects, one after the other; once more for those that want to see later changes. */
export function mutatingWebhooks(deps: WebhookDeps): AdmissionPlugin {
  const webhooks = new Webhooks(deps, 'mutating');
  const run = async (list: readonly Place<MutatingWebhook>[], a: Attributes, round: number) => {
    /** Webhooks after whose turn the object was changed. */
    const outdated = new Set<MutatingWebhook>();
    const before: MutatingWebhook[] = [];
    for (const place of list) {
      const { webhook } = place;
      const question = await webhooks.question(webhook, await webhooks.matched(a));
      if (!question) continue;
      const turn = turnOf(place, round);
      let isChanged = false;
      try {
        const verdict = await webhooks.ask(webhook, question, turn);
        isChanged = verdict !== undefined && (await change(a, question, verdict, turn));
      } finally {
        noteMutation(a.annotations, turn, isChanged);
      }
      if (isChanged) for (const w of before) outdated.add(w);
      before.push(webhook);
    }
    return outdated;
  };

  return {
    name: 'MutatingAdmissionWebhook',
    async admit(a) {
      const all = placesIn(deps.lookup.list(MutatingWebhookConfigurations, ''));
      if (all.length === 0) return;
      const outdated = await run(all, a, 0);
      const again = all.filter(({ webhook: w }) => w.reinvocationPolicy === 'IfNeeded' && outdated.has(w));
      if (again.length > 0) await run(again, a, 1);
    },
  };
}

/** Webhooks that only judge, all at once. */
export function validatingWebhooks(deps: WebhookDeps): AdmissionPlugin {
  const webhooks = new Webhooks(deps, 'validating');
  return {
    name: 'ValidatingAdmissionWebhook',
    async validate(a) {
      const all = placesIn(deps.lookup.list(ValidatingWebhookConfigurations, ''));
      if (all.length === 0) return;
      const request = await webhooks.matched(a);
      const judge = async (place: Place<Webhook>): Promise<void> => {
        const question = await webhooks.question(place.webhook, request);
        if (question) await webhooks.ask(place.webhook, question, turnOf(place, 0));
      };
      await Promise.all(all.map(judge));
    },
  };
}
