import { errors } from '#api/meta/errors.ts';
import { type FieldError, forbidden, invalid, notSupported } from '#api/meta/fielderrors.ts';
import { isSet } from '#api/meta/query.ts';

const NOT_OLDER_THAN = 'NotOlderThan';
const EXACT = 'Exact';
const REF = { group: 'meta.k8s.io', plural: 'listoptions', kind: 'ListOptions' };
const MATCH = 'resourceVersionMatch';

/** @throws StatusError 400 unless `text` is a decimal number. */
export function parseRevision(text: string): number {
  if (!/^\d{1,16}$/.test(text)) throw errors.badRequest(invalidRevision(text));
  return Number(text);
}

const invalidRevision = (text: string): string =>
  `resourceVersion: Invalid value: "${text}": strconv.ParseUint: parsing "${text}": invalid syntax`;

function reject(problems: readonly FieldError[]): void {
  if (problems.length > 0) throw errors.invalid(REF, '', problems);
}

/** Which state a list shows: "Resource versions", semantics for get and list. */
export interface ListOptions {
  /** 0: no limit. */
  readonly limit: number;
  readonly token: string | undefined;
  /** Unset: the most recent. */
  readonly revision: number | undefined;
  /** Exactly `revision`, not something newer. */
  readonly exact: boolean;
}

/** A parameter that is a number; 0 when it is absent or empty. @throws StatusError 400 */
export function wholeNumber(query: URLSearchParams, name: string): number {
  const text = query.get(name) ?? '';
  if (text === '') return 0;
  if (!/^-?\d{1,18}$/.test(text)) {
    throw errors.badRequest(`strconv.ParseInt: parsing "${text}": invalid syntax`);
  }
  return Number(text);
}

/** @throws StatusError 422 on combinations Kubernetes refuses, 400 on values that do not parse. */
export function listOptions(query: URLSearchParams): ListOptions {
  const version = query.get('resourceVersion') ?? '';
  const match = query.get(MATCH) ?? '';
  const token = query.get('continue') || undefined;
  const problems: FieldError[] = [];
  if (query.has('sendInitialEvents')) {
    problems.push(forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  }
  if (match) {
    if (token) problems.push(forbidden(MATCH, 'resourceVersionMatch is forbidden when continue is provided'));
    if (!version) {
      problems.push(forbidden(MATCH, 'resourceVersionMatch is forbidden unless resourceVersion is provided'));
    }
    if (match !== EXACT && match !== NOT_OLDER_THAN) {
      problems.push(notSupported(MATCH, match, [EXACT, NOT_OLDER_THAN]));
    }
    if (match === EXACT && version === '0') {
      problems.push(forbidden(MATCH, 'resourceVersionMatch "Exact" is forbidden for resourceVersion "0"'));
    }
  }
  reject(problems);
  if (token && version && version !== '0') {
    throw errors.badRequest('specifying resource version is not allowed when using continue');
  }
  const limit = Math.max(0, wholeNumber(query, 'limit'));
  const revision = version === '' ? undefined : parseRevision(version);
  // A limit without a match means exactly, for the sake of clients older than resourceVersionMatch.
  const exact = match === EXACT || (match === '' && limit > 0 && revision !== undefined && revision > 0);
  return { limit, token, revision, exact };
}

export interface WatchOptions {
  /** 0: any. Unset: the most recent. */
  readonly revision: number | undefined;
  readonly initialEvents: boolean | undefined;
  readonly bookmarks: boolean;
  /** 0: as the server likes. */
  readonly timeoutSeconds: number;
}

/** Options of a watch: "Semantics for watch" and "Streaming lists". @throws StatusError 422, 400 */
export function watchOptions(query: URLSearchParams): WatchOptions {
  const match = query.get(MATCH) ?? '';
  const initial = query.get('sendInitialEvents');
  const problems: FieldError[] = [];
  if (initial !== null && match !== NOT_OLDER_THAN) {
    problems.push(forbidden(MATCH, `sendInitialEvents requires setting resourceVersionMatch to ${NOT_OLDER_THAN}`));
  }
  if (match) {
    if (initial === null) {
      problems.push(
        forbidden(MATCH, 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'),
      );
    }
    if (match !== NOT_OLDER_THAN) problems.push(notSupported(MATCH, match, [NOT_OLDER_THAN]));
    if (query.get('continue')) {
      problems.push(forbidden(MATCH, 'resourceVersionMatch is forbidden when continue is provided'));
    }
  }
  const version = query.get('resourceVersion') ?? '';
  if (version && !/^\d{1,16}$/.test(version)) {
    problems.push(invalid('resourceVersion', version, `strconv.ParseUint: parsing "${version}": invalid syntax`));
  }
  reject(problems);
  return {
    revision: version === '' ? undefined : Number(version),
    initialEvents: initial === null ? undefined : isSet(query, 'sendInitialEvents'),
    bookmarks: isSet(query, 'allowWatchBookmarks'),
    timeoutSeconds: Math.max(0, wholeNumber(query, 'timeoutSeconds')),
  };
}
