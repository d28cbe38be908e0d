import { EvaluationError } from '../errors.ts';
import { type Cost, fn, type Library, traversal } from '../functions.ts';
import { ArrayList, type CelMap, EntryMap, Opaque } from '../values.ts';

const NAME = 'kubernetes.URL';
const ABSOLUTE = /^([a-zA-Z][a-zA-Z0-9+.-]*):(?:\/\/([^/?]*))?([^?]*)(?:\?([\s\S]*))?$/;
const PATH = /^(\/[^?]*)(?:\?([\s\S]*))?$/;
const HOST = /^(?:\[[0-9a-fA-F:.%\w-]+\]|[^[\]:\s"<>\\^`{|}]*)(?::\d*)?$/;
const hasBadEscape = (s: string): boolean => /%(?![0-9a-fA-F]{2})/.test(s);
// biome-ignore lint/suspicious/noControlCharactersInRegex: URLs must not contain them
const CONTROL = /[\x00-\x1f\x7f]/;

/** A URL as Go's url.ParseRequestURI takes it: absolute, or an absolute path. */
class Url extends Opaque {
  readonly typeName = NAME;
  readonly #text: string;
  readonly scheme: string;
  readonly host: string;
  readonly path: string;
  readonly query: string;

  constructor(text: string) {
    super();
    const absolute = ABSOLUTE.exec(text);
    const path = absolute ? undefined : PATH.exec(text);
    const bad = (): never => {
      throw new EvaluationError(
        `URL parse error during conversion from string: parse "${text}": invalid URI for request`,
      );
    };
    if ((!absolute && !path) || CONTROL.test(text)) bad();
    const authority = absolute?.[2] ?? '';
    const at = authority.lastIndexOf('@');
    this.host = authority.slice(at + 1);
    this.path = absolute?.[3] ?? path?.[1] ?? '';
    // Something like "mailto:x" has no path.
    if (absolute && absolute[2] === undefined && !this.path.startsWith('/')) bad();
    if (!HOST.test(this.host) || hasBadEscape(this.path)) bad();
    this.#text = text;
    this.scheme = (absolute?.[1] ?? '').toLowerCase();
    this.query = absolute?.[4] ?? path?.[2] ?? '';
  }

  equals(other: Opaque): boolean {
    return other instanceof Url && other.#text === this.#text;
  }

  get port(): string {
    return /:(\d*)$/.exec(this.host)?.[1] ?? '';
  }

  get hostname(): string {
    return this.host.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1');
  }

  get escapedPath(): string {
    return this.path.replace(/[^\w.~!$&'()*+,;=:@/%[\]-]+/gu, (c) => encodeURIComponent(c));
  }

  get parameters(): CelMap {
    const found = new Map<string, string[]>();
    for (const [k, v] of new URLSearchParams(this.query)) found.set(k, [...(found.get(k) ?? []), v]);
    const made = new EntryMap();
    for (const [k, list] of found) made.put(k, new ArrayList(list));
    return made;
  }
}

function isUrl(text: string): boolean {
  try {
    return new Url(text) !== undefined;
  } catch {
    return false;
  }
}

const size: Cost = (n = 0) => n;

/** Kubernetes' URL library. */
export const urls: Library = {
  functions: [
    fn(`url(string) ${NAME}`, (s: string) => new Url(s), { cost: traversal, size }),
    fn('isURL(string) bool', isUrl, { cost: traversal }),
    fn(`${NAME}::getScheme() string`, (u: Url) => u.scheme),
    fn(`${NAME}::getHost() string`, (u: Url) => u.host),
    fn(`${NAME}::getHostname() string`, (u: Url) => u.hostname),
    fn(`${NAME}::getPort() string`, (u: Url) => u.port),
    fn(`${NAME}::getEscapedPath() string`, (u: Url) => u.escapedPath),
    fn(`${NAME}::getQuery() map<string, list<string>>`, (u: Url) => u.parameters),
  ],
};
