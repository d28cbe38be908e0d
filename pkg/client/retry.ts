import { isConflict } from '#api/meta/errors.ts';

/** Runs `fn` again on a 409 Conflict: it must read afresh what it changes. */
export async function retryOnConflict<T>(fn: () => Promise<T>, { attempts = 5 } = {}): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await fn();
    } catch (e) {
      if (!isConflict(e) || attempt >= attempts) throw e;
    }
  }
}
