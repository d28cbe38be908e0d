import { randomUUID } from 'node:crypto';
import type { CustomResourceConversion } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { errors } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import { callWebhook, type ServiceResolver } from '../admission/webhooks/call.ts';

/** Converts objects of one kind to another of its versions; the answer is in the same order. @throws StatusError 500 */
export type Converter = (objects: readonly Stored<KubeObject>[], apiVersion: string) => Promise<Stored<KubeObject>[]>;

export interface ConversionDeps {
  readonly clock: Clock;
  readonly resolve: ServiceResolver;
}

const TIMEOUT_S = 30;
/** Objects in one review: a long list is converted in a few of them. */
const BATCH = 500;
const REVIEWS = 'apiextensions.k8s.io';
/** Versions of the review we speak, whose fields are the same. */
const SPOKEN = ['v1', 'v1beta1'];

interface Answer {
  readonly response?: {
    readonly uid?: string;
    readonly convertedObjects?: readonly KubeObject[];
    readonly result?: { readonly status?: string; readonly message?: string };
  };
}

/** What of the metadata a conversion may not change: all but labels and annotations ("Webhook conversion"). */
function checkedMetadata(before: Stored<KubeObject>, after: KubeObject): Stored<KubeObject>['metadata'] {
  const meta = after.metadata;
  if (!meta) throw new Error('missing metadata in converted object');
  for (const field of ['name', 'namespace', 'uid'] as const) {
    if (meta[field] === before.metadata[field]) continue;
    throw new Error(`must have the same ${field}: ${meta[field] ?? ''} != ${before.metadata[field] ?? ''}`);
  }
  const { labels: _l, annotations: _a, ...kept } = before.metadata;
  const { labels, annotations } = meta;
  if (sameJson(labels, before.metadata.labels) && sameJson(annotations, before.metadata.annotations)) {
    return before.metadata;
  }
  return { ...kept, ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) };
}

function checked(before: Stored<KubeObject>, after: KubeObject, apiVersion: string): Stored<KubeObject> {
  if (after?.apiVersion !== apiVersion) {
    throw new Error(`invalid groupVersion (expected ${apiVersion}, received ${after?.apiVersion ?? ''})`);
  }
  if (after.kind !== before.kind)
    throw new Error(`invalid kind (expected ${before.kind}, received ${after.kind ?? ''})`);
  return { ...after, metadata: checkedMetadata(before, after) };
}

/** What the webhook made of the objects. @throws Error that says what is wrong with its answer */
function outcome(answer: Answer, uid: string, count: number): readonly KubeObject[] {
  const { response } = answer ?? {};
  if (!response) throw new Error('expected response');
  if (response.uid !== uid) throw new Error(`expected response.uid="${uid}", got "${response.uid ?? ''}"`);
  const { status, message } = response.result ?? {};
  if (status !== 'Success') {
    throw new Error(message || `response.result.status was '${status ?? ''}', not 'Success'`);
  }
  const converted = response.convertedObjects ?? [];
  if (converted.length !== count) throw new Error(`returned ${converted.length} objects, expected ${count}`);
  return converted;
}

/** The converter that a definition of strategy Webhook names ("Versions in CustomResourceDefinitions"). */
export function webhookConverter(conversion: CustomResourceConversion, deps: ConversionDeps): Converter {
  const { clientConfig, conversionReviewVersions = [] } = conversion.webhook ?? {};
  const spoken = conversionReviewVersions.find((v) => SPOKEN.includes(v)) ?? 'v1';
  const webhook = { clientConfig, timeoutSeconds: TIMEOUT_S };

  const convert = async (objects: readonly Stored<KubeObject>[], apiVersion: string): Promise<Stored<KubeObject>[]> => {
    const uid = randomUUID();
    const request = { uid, desiredAPIVersion: apiVersion, objects };
    const review = { kind: 'ConversionReview', apiVersion: `${REVIEWS}/${spoken}`, request };
    const answer = (await callWebhook(webhook, review, deps)) as Answer;
    return outcome(answer, uid, objects.length).map((after, i) => {
      try {
        return checked(objects[i] as Stored<KubeObject>, after, apiVersion);
      } catch (e) {
        throw new Error(`returned invalid converted object at index ${i}: ${(e as Error).message}`, { cause: e });
      }
    });
  };

  return async (objects, apiVersion) => {
    const converted: Stored<KubeObject>[] = [];
    try {
      for (let i = 0; i < objects.length; i += BATCH) {
        converted.push(...(await convert(objects.slice(i, i + BATCH), apiVersion)));
      }
    } catch (e) {
      const { apiVersion: from, kind } = objects[0] ?? {};
      throw errors.impossible(`conversion webhook for ${from}, Kind=${kind} failed: ${(e as Error).message}`);
    }
    return converted;
  };
}
