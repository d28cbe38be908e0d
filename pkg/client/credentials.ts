import { readFileSync } from 'node:fs';
import type { Clock } from '#async/clock.ts';
import type { Kubeconfig } from './kubeconfig.ts';

/** Tokens in pods are rotated well before they expire; a minute late is early enough. */
const TOKEN_REFRESH_MS = 60_000;

/**
 * The Authorization header of each request, from a token, a token file, a credential program or a password. Answers at
 * once except when a credential program has to run.
 */
export function createAuthorization(
  config: Kubeconfig,
  clock: Clock,
): () => string | undefined | Promise<string | undefined> {
  const { token, tokenFile, tokenSource, username, password } = config;
  if (tokenFile) {
    const read = tokenFromFile(tokenFile, token, clock);
    return () => bearer(read());
  }
  if (token) {
    const header = bearer(token);
    return () => header;
  }
  if (tokenSource) {
    return () => {
      const now = tokenSource();
      return typeof now === 'object' ? now.then(bearer) : bearer(now);
    };
  }
  if (username === undefined) return () => undefined;
  const basic = `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}`;
  return () => basic;
}

const bearer = (token: string | undefined): string | undefined => (token ? `Bearer ${token}` : undefined);

function tokenFromFile(path: string, first: string | undefined, clock: Clock): () => string | undefined {
  let current = first;
  let readAt = Number.NEGATIVE_INFINITY;
  return () => {
    const now = clock.now();
    if (now - readAt < TOKEN_REFRESH_MS) return current;
    readAt = now;
    try {
      current = readFileSync(path, 'utf8').trim();
    } catch {
      // Being replaced, or gone: the old token is as good as any until the server says otherwise.
    }
    return current;
  };
}
