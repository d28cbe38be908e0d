import { createHash } from 'node:crypto';
import { goJson } from '../output/ordered.ts';

/** Vowels and digits that look like them are replaced, so that no hash spells a word. */
const SAFE: Readonly<Record<string, string>> = { '0': 'g', '1': 'h', '3': 'k', a: 'm', e: 't' };

/** Ten characters that change with the content: those kubectl's --append-hash and kustomize put after names. */
export function contentHash(content: Record<string, unknown>): string {
  const hex = createHash('sha256').update(goJson(content)).digest('hex');
  return [...hex.slice(0, 10)].map((c) => SAFE[c] ?? c).join('');
}
