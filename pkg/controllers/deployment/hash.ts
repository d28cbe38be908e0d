import type { PodTemplateSpec } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';

/** Label that keeps the pods of a Deployment's ReplicaSets apart. */
export const HASH_LABEL = 'pod-template-hash';

/** Consonants and digits: cannot spell a word. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** JSON with sorted keys and without absent values, so that equal templates give equal text. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  const o = value as Record<string, unknown>;
  const parts = Object.keys(o)
    .filter((k) => o[k] !== undefined && o[k] !== null)
    .sort()
    .map((k) => `${JSON.stringify(k)}:${canonical(o[k])}`);
  return `{${parts.join(',')}}`;
}

/** FNV-1a, 32 bits, over UTF-8. */
function fnv1a(text: string): number {
  let h = 0x811c9dc5;
  for (const byte of Buffer.from(text)) h = Math.imul(h ^ byte, 0x01000193) >>> 0;
  return h;
}

/** Name suffix of the ReplicaSet for `template`; `collisionCount` yields another one when the name is taken. */
export function templateHash(template: PodTemplateSpec, collisionCount = 0): string {
  let n = fnv1a(`${canonical(withoutHash(template))}#${collisionCount}`);
  let text = '';
  for (let i = 0; i < 7; i++) {
    text += ALPHABET[n % ALPHABET.length];
    n = Math.floor(n / ALPHABET.length);
  }
  return text;
}

function withoutHash(template: PodTemplateSpec): Record<string, unknown> {
  const { [HASH_LABEL]: _, ...labels } = template.metadata?.labels ?? {};
  return { labels, annotations: template.metadata?.annotations ?? {}, spec: template.spec };
}

/** True if both templates make the same pods, the hash label aside. */
export const sameTemplate = (a: PodTemplateSpec, b: PodTemplateSpec): boolean =>
  sameJson(withoutHash(a), withoutHash(b));
