import { errors } from '#api/meta/errors.ts';
import { isSet } from '#api/meta/query.ts';
import type { LogOptions } from '../streaming/backend.ts';

/**
 * Reads the options of a log request.
 * @throws StatusError 400
 */
export function parseLogOptions(query: URLSearchParams): LogOptions {
  const sinceTime = query.get('sinceTime') || undefined;
  if (sinceTime && Number.isNaN(Date.parse(sinceTime))) {
    throw errors.badRequest(`unable to decode query: sinceTime ${JSON.stringify(sinceTime)} is not an RFC 3339 time`);
  }
  const tailLines = count(query, 'tailLines', 0);
  const sinceSeconds = count(query, 'sinceSeconds', 1);
  const limitBytes = count(query, 'limitBytes', 1);
  if (sinceTime && sinceSeconds !== undefined) {
    throw errors.badRequest('at most one of `sinceTime` or `sinceSeconds` may be specified');
  }
  return {
    follow: isSet(query, 'follow'),
    previous: isSet(query, 'previous'),
    timestamps: isSet(query, 'timestamps'),
    stream: outputs(query.get('stream')),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(sinceSeconds === undefined ? {} : { sinceSeconds }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(sinceTime ? { sinceTime } : {}),
  };
}

function outputs(text: string | null): LogOptions['stream'] {
  if (!text) return 'All';
  if (text === 'All' || text === 'Stdout' || text === 'Stderr') return text;
  throw errors.badRequest(`unable to decode query: stream must be one of All, Stdout, Stderr, not ${text}`);
}

function count(query: URLSearchParams, name: string, least: number): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  const n = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(n)) throw errors.badRequest(`unable to decode query: ${name} ${JSON.stringify(text)}`);
  if (n < least) throw errors.badRequest(`${name} must be greater than or equal to ${least}`);
  return n;
}
