import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/**
 * Copies both ways until both directions have ended, passing half-closes on. When one direction fails both streams are
 * destroyed. Never rejects.
 */
export async function bridge(a: Duplex, b: Duplex): Promise<void> {
  const results = await Promise.allSettled([pipeline(a, b), pipeline(b, a)]);
  if (results.some((result) => result.status === 'rejected')) {
    a.destroy();
    b.destroy();
  }
}
