import { randomUUID } from 'node:crypto';
import { copyJson } from '#api/meta/copy.ts';
import { errors, type Status, StatusError } from '#api/meta/errors.ts';
import { jsonPatch, type Operation } from '#api/patch/json-patch.ts';
import { admissionRequestOf, typedObject } from '../request.ts';
import type { Attributes } from '../types.ts';
import type { Webhook } from './webhook.ts';

/** An answer understood. */
export interface Verdict {
  readonly warnings: readonly string[];
  /** For the audit log, with the webhook's name before each key. */
  readonly audit: Readonly<Record<string, string>>;
  readonly patch: readonly Operation[];
}

interface Response {
  uid?: string;
  allowed?: boolean;
  status?: Partial<Status>;
  warnings?: string[];
  patch?: string;
  patchType?: string;
  auditAnnotations?: Record<string, string>;
}

/** The AdmissionReview that asks, in a version the webhook understands. */
export function reviewOf(webhook: Webhook, a: Attributes): { uid: string; apiVersion: string; review: object } {
  const version = webhook.admissionReviewVersions?.find((v) => v === 'v1' || v === 'v1beta1') ?? 'v1';
  const apiVersion = `admission.k8s.io/${version}`;
  const uid = randomUUID();
  const objects = { object: typedObject(a, a.object), oldObject: typedObject(a, a.oldObject) };
  const request = { uid, ...admissionRequestOf(a), ...objects };
  return { uid, apiVersion, review: { kind: 'AdmissionReview', apiVersion, request } };
}

/** The refusal as clients see it. */
function denial(name: string, status: Partial<Status> | undefined): StatusError {
  const head = `admission webhook "${name}" denied the request`;
  const why = status?.message ?? status?.reason;
  const code = status?.code !== undefined && status.code >= 400 && status.code < 600 ? status.code : 400;
  return new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: why ? `${head}: ${why}` : `${head} without explanation`,
    ...(status?.reason ? { reason: status.reason } : {}),
    ...(status?.details ? { details: status.details } : {}),
    code,
  });
}

/**
 * Reads an answer. @throws StatusError when it is a refusal, Error when it is no answer to what was asked
 */
export function verdictOf(webhook: Webhook, asked: { uid: string; apiVersion: string }, answer: unknown): Verdict {
  const { response, kind, apiVersion } = (answer ?? {}) as { response?: Response; kind?: string; apiVersion?: string };
  if (!response) throw new Error('webhook response was absent');
  if (apiVersion === 'admission.k8s.io/v1' || asked.apiVersion === 'admission.k8s.io/v1') {
    if (kind !== 'AdmissionReview' || apiVersion !== asked.apiVersion) {
      throw new Error(
        `expected webhook response of ${asked.apiVersion}, Kind=AdmissionReview, got ${apiVersion}, Kind=${kind}`,
      );
    }
    if (response.uid !== asked.uid)
      throw new Error(`expected response.uid="${asked.uid}", got "${response.uid ?? ''}"`);
  }
  if (!response.allowed) throw denial(webhook.name, response.status);
  const warnings = response.warnings ?? [];
  const notes = Object.entries(response.auditAnnotations ?? {});
  const audit = Object.fromEntries(notes.map(([k, v]) => [`${webhook.name}/${k}`, String(v)]));
  if (!response.patch) return { warnings, audit, patch: [] };
  if (response.patchType !== undefined && response.patchType !== 'JSONPatch') {
    throw new Error(`expected response.patchType=JSONPatch, got ${response.patchType}`);
  }
  const patch = JSON.parse(Buffer.from(response.patch, 'base64').toString()) as unknown;
  if (!Array.isArray(patch)) throw new Error('response.patch is no JSON patch');
  return { warnings, audit, patch: patch as Operation[] };
}

/** Applies a webhook's patch. @throws StatusError 500 when it does not fit */
export function patched(webhook: string, object: object, patch: readonly Operation[]): unknown {
  try {
    return jsonPatch(copyJson(object), patch);
  } catch (e) {
    throw errors.internal(
      `admission webhook "${webhook}" attempted a patch that does not apply: ${(e as Error).message}`,
    );
  }
}
