import { isSet } from '#api/meta/query.ts';

/** What a URL asks for: see "Kubernetes API Concepts", resource URIs. */
export interface RequestInfo {
  readonly path: string;
  /** False for /version, /healthz, discovery and the like; then only `path` and `verb` (lower-case method) count. */
  readonly isResource: boolean;
  verb: string;
  readonly group: string;
  readonly version: string;
  readonly namespace: string;
  /** Plural name. */
  readonly resource: string;
  readonly subresource: string;
  readonly name: string;
  /** Path segments after the subresource: pods/x/proxy/THIS. */
  readonly rest: string;
}

const METHOD_VERBS: Record<string, string> = {
  GET: 'get',
  HEAD: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** Subresources of a namespace itself; anything else after the name is a resource inside it. */
const NAMESPACE_SUBRESOURCES = new Set(['status', 'finalize']);

const nonResource = (method: string, path: string): RequestInfo => ({
  path,
  isResource: false,
  verb: method.toLowerCase(),
  group: '',
  version: '',
  namespace: '',
  resource: '',
  subresource: '',
  name: '',
  rest: '',
});

/** Subresources whose answers may last. */
const LASTING = new Set(['exec', 'attach', 'portforward', 'log', 'proxy']);

/** Is it a request whose answer may last, as the audit log and time limits see it ("long-running requests")? */
export const isLongRunning = ({ isResource, verb, subresource }: RequestInfo): boolean =>
  isResource && (verb === 'watch' || LASTING.has(subresource));

const decode = (s: string): string => {
  if (!s.includes('%')) return s;
  try {
    return decodeURIComponent(s);
  } catch {
    return s;
  }
};

/** Splits `method path` into its parts; `watch` is the query parameter of that name. Pure and allocation-light. */
export function parseRequestInfo(method: string, path: string, watch: boolean): RequestInfo {
  const parts = path.split('/');
  parts.shift();
  if (parts.at(-1) === '') parts.pop();
  let i: number;
  let group = '';
  if (parts[0] === 'api' && parts.length >= 3) i = 1;
  else if (parts[0] === 'apis' && parts.length >= 4) {
    group = parts[1] ?? '';
    i = 2;
  } else return nonResource(method, path);
  const version = parts[i++] ?? '';
  let verb = METHOD_VERBS[method] ?? method.toLowerCase();
  let watching = watch;
  if (parts[i] === 'watch' && parts.length > i + 1) {
    i++;
    watching = true;
  }
  let namespace = '';
  if (parts[i] === 'namespaces' && parts[i + 1] !== undefined) {
    namespace = decode(parts[i + 1] ?? '');
    const next = parts[i + 2];
    if (next !== undefined && !NAMESPACE_SUBRESOURCES.has(next)) i += 2;
  }
  const resource = parts[i++] ?? '';
  const name = decode(parts[i++] ?? '');
  const subresource = parts[i++] ?? '';
  const rest = parts.slice(i).join('/');
  if (verb === 'get' && !name) verb = watching ? 'watch' : 'list';
  else if (verb === 'get' && watching && !subresource) verb = 'watch';
  else if (verb === 'delete' && !name) verb = 'deletecollection';
  return { path, isResource: true, verb, group, version, namespace, resource, subresource, name, rest };
}

/** A request's line taken apart. @param url its path and query */
export function parseRequest(method: string, url: string): { info: RequestInfo; query: URLSearchParams } {
  const q = url.indexOf('?');
  const query = new URLSearchParams(q < 0 ? '' : url.slice(q + 1));
  const path = q < 0 ? url : url.slice(0, q);
  return { info: parseRequestInfo(method, path, isSet(query, 'watch')), query };
}
