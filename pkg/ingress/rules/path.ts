/** A path of a rule, taken apart. */
export interface RulePath {
  /** What requests are looked up by: no slash at the end, "" for the root. */
  readonly key: string;
  readonly exact: boolean;
  readonly depth: number;
}

const REST_GROUPS = /(\(\/\|\$\))\(\.\*\)$/;

/**
 * How a rule's path matches ("Ingress", path types). ImplementationSpecific is Prefix here; the idiom `/x(/|$)(.*)` means
 * the prefix /x. @throws Error for other regular expressions: one that is slow on some input would stop everybody.
 */
export function rulePath(path: string, type: string): RulePath {
  if (type === 'Exact') return { key: path, exact: true, depth: elements(path) };
  const plain = type === 'Prefix' ? path : path.replace(REST_GROUPS, '');
  if (type !== 'Prefix' && /[()[\]|\\^$*+?{}]/.test(plain)) {
    throw new Error(`path "${path}": regular expressions are not supported; use pathType Prefix or Exact`);
  }
  const key = plain.replace(/\/+$/, '');
  return { key, exact: false, depth: elements(key) };
}

const elements = (path: string): number => path.split('/').filter(Boolean).length;

/** The target of a request. */
export interface Target {
  /** As sent, without query. */
  readonly raw: string;
  /** With "%41" as "A"; an encoded slash stays encoded, since it does not separate elements. */
  readonly path: string;
  /** With its question mark; "" without one. */
  readonly query: string;
}

const DOTS = /\/\.\.?(?:\/|$)/;

/**
 * Splits a request target. @returns undefined for one that is no path, is wrongly encoded, or holds elements "." or "..":
 * a backend that resolves them would be reached past the rule.
 */
export function parseTarget(target: string): Target | undefined {
  if (!target.startsWith('/')) return undefined;
  const at = target.indexOf('?');
  const raw = at < 0 ? target : target.slice(0, at);
  const query = at < 0 ? '' : target.slice(at);
  let path = raw;
  if (raw.includes('%')) {
    try {
      path = decodeURIComponent(raw.replace(/%2f/gi, '%252F'));
    } catch {
      return undefined;
    }
  }
  if (path.includes('/.') && DOTS.test(path)) return undefined;
  if (path.includes('\\') || path.includes('\0')) return undefined;
  return { raw, path, query };
}

/** The path for the backend: the rule's elements replaced by the rewrite target, the rest as it came. */
export function rewrite(raw: string, o: { readonly target: string; readonly depth: number; readonly exact: boolean }) {
  if (o.exact) return o.target;
  let at = 0;
  for (let skipped = 0; skipped < o.depth; skipped++) {
    while (raw[at] === '/') at++;
    const next = raw.indexOf('/', at);
    at = next < 0 ? raw.length : next;
  }
  const rest = raw.slice(at);
  return `${o.target.replace(/\/+$/, '')}${rest}` || '/';
}
