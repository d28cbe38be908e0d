import type { Operation } from '#api/patch/json-patch.ts';
import type { AuditAnnotations } from '../../audit/annotations.ts';

const MUTATION = 'mutation.webhook.admission.k8s.io';
const PATCH = 'patch.webhook.admission.k8s.io';
const FAILED_OPEN = {
  mutating: 'failed-open.mutating.webhook.admission.k8s.io',
  validating: 'failed-open.validating.webhook.admission.k8s.io',
} as const;

export type WebhookType = keyof typeof FAILED_OPEN;

/** One question to one webhook. */
export interface Turn {
  readonly configuration: string;
  readonly webhook: string;
  /** 1 when it is asked once more, after others have changed the object. */
  readonly round: number;
  /** Its place among the webhooks of all configurations. */
  readonly index: number;
}

type Notes = AuditAnnotations | undefined;

const key = (prefix: string, { round, index }: Turn): string => `${prefix}/round_${round}_index_${index}`;

/** That a webhook was asked, and whether it changed the object ("Dynamic Admission Control", auditing annotations). */
export function noteMutation(notes: Notes, turn: Turn, mutated: boolean): void {
  const { configuration, webhook } = turn;
  notes?.set(key(MUTATION, turn), JSON.stringify({ configuration, webhook, mutated }));
}

/** What a webhook changed, where objects are written down. */
export function notePatch(notes: Notes, turn: Turn, patch: readonly Operation[]): void {
  if (!notes?.withObjects) return;
  const { configuration, webhook } = turn;
  notes.set(key(PATCH, turn), JSON.stringify({ configuration, webhook, patch, patchType: 'JSONPatch' }));
}

/** That a webhook failed and the request went on without it, as its failure policy says. */
export function noteFailedOpen(notes: Notes, type: WebhookType, turn: Turn): void {
  notes?.set(key(FAILED_OPEN[type], turn), turn.webhook);
}
