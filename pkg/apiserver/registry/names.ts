import { randomBytes } from 'node:crypto';

/** No vowels and no look-alikes, so that no words arise: the alphabet Kubernetes uses for generated names. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_LENGTH = 5;
const MAX_BASE = 63 - SUFFIX_LENGTH;

/** A random suffix in the alphabet of generated names. */
export function randomSuffix(length = SUFFIX_LENGTH): string {
  let s = '';
  for (const b of randomBytes(length)) s += ALPHABET[b % ALPHABET.length];
  return s;
}

/** `generateName` → name, cut to fit a DNS label. */
export const generatedName = (base: string): string => base.slice(0, MAX_BASE) + randomSuffix();
