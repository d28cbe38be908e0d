import { errors } from '#api/meta/errors.ts';
import type { PodTarget } from '../streaming/backend.ts';

/** A parsed streaming path. */
export interface StreamPath {
  readonly action: 'exec' | 'attach' | 'portForward';
  readonly target: PodTarget;
  readonly container: string | undefined;
}

/**
 * Reads `/exec/<ns>/<pod>[/<uid>]/<container>`, the same for attach, and `/portForward/<ns>/<pod>[/<uid>]`. The
 * container may also come as a query parameter, or not at all. Null for other paths.
 * @throws StatusError 400 for malformed percent-encoding
 */
export function parseStreamPath(url: URL): StreamPath | null {
  const [action, namespace, pod, third, fourth, ...rest] = url.pathname.split('/').slice(1).map(decode);
  if (!namespace || !pod || rest.length > 0) return null;
  if (action === 'portForward' && fourth === undefined) {
    return { action, target: { namespace, pod, ...(third ? { uid: third } : {}) }, container: undefined };
  }
  if (action !== 'exec' && action !== 'attach') return null;
  const container = (fourth ?? third) || url.searchParams.get('container') || undefined;
  return { action, target: { namespace, pod, ...(fourth && third ? { uid: third } : {}) }, container };
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw errors.badRequest(`invalid URL escape in ${JSON.stringify(segment)}`);
  }
}
