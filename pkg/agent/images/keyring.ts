/** What Docker is told when it pulls (its AuthConfig). */
export interface RegistryCredentials {
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly serveraddress: string;
}

/** Credentials for the images whose registry and path fit a pattern. */
export interface KeyringEntry {
  /** "registry[:port][/path]", whose host may have globs. */
  readonly pattern: string;
  readonly credentials: RegistryCredentials;
}

type Json = Record<string, unknown>;

const DEFAULT_REGISTRY = 'index.docker.io';
const isObject = (v: unknown): v is Json => typeof v === 'object' && v !== null && !Array.isArray(v);
const textOf = (v: unknown): string | undefined => (typeof v === 'string' && v !== '' ? v : undefined);

/** Username and password of an entry, which may be in one field, base64 of "user:password". */
function credentialsOf(entry: Json, serveraddress: string): RegistryCredentials | undefined {
  const [, user, secret] = /^([^:]*):(.*)$/s.exec(Buffer.from(textOf(entry.auth) ?? '', 'base64').toString()) ?? [];
  const username = user ?? textOf(entry.username);
  const password = secret?.replace(/\0+$/, '') ?? textOf(entry.password);
  const identitytoken = textOf(entry.identitytoken);
  if (identitytoken) return { identitytoken, serveraddress, ...(username ? { username } : {}) };
  return username === undefined || password === undefined ? undefined : { username, password, serveraddress };
}

/** "https://host/v1/path" → "host/path". */
function patternOf(server: string): string {
  const [host = '', ...path] = server.replace(/^https?:\/\//, '').split('/');
  const below = /^v[12]$/.test(path[0] ?? '') ? path.slice(1) : path;
  return [host, ...below].join('/').replace(/\/+$/, '');
}

/**
 * Reads what a Secret of type kubernetes.io/dockerconfigjson (`{"auths": …}`) or kubernetes.io/dockercfg (what is in
 * `auths`) holds. Entries that hold nothing usable are left out. Pure.
 * @throws SyntaxError when it is no JSON
 */
export function parseDockerConfig(text: string): KeyringEntry[] {
  const config: unknown = JSON.parse(text);
  const auths = isObject(config) && isObject(config.auths) ? config.auths : config;
  if (!isObject(auths)) return [];
  return Object.entries(auths).flatMap(([server, entry]) => {
    const credentials = isObject(entry) ? credentialsOf(entry, server) : undefined;
    return credentials ? [{ pattern: patternOf(server), credentials }] : [];
  });
}

/** "busybox" → "index.docker.io/library/busybox"; "r.io/a/b:1@sha256:…" → "r.io/a/b". */
function placeOf(image: string): string {
  const name = image.replace(/@.*$/, '').replace(/:[^/:]*$/, '');
  const [first = '', ...rest] = name.split('/');
  const hasHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  if (hasHost) return first === 'docker.io' ? [DEFAULT_REGISTRY, ...rest].join('/') : name;
  return `${DEFAULT_REGISTRY}/${rest.length > 0 ? name : `library/${name}`}`;
}

/**
 * One label of a host name: globs do not reach over dots. Not by a regular expression: with many stars some take forever,
 * and patterns are anybody's.
 */
function labelFits(pattern: string, label: string): boolean {
  let [p, star, resume] = [0, -1, 0];
  for (let i = 0; i < label.length; ) {
    if (pattern[p] === '*') {
      star = p++;
      resume = i;
    } else if (pattern[p] === '?' || (p < pattern.length && pattern[p] === label[i])) {
      p++;
      i++;
    } else if (star >= 0) {
      // The last star takes one more.
      p = star + 1;
      i = ++resume;
    } else return false;
  }
  return /^\**$/.test(pattern.slice(p));
}

function hostFits(pattern: string, host: string): boolean {
  const [wantedName = '', wantedPort] = pattern.split(':');
  const [name = '', port] = host.split(':');
  if ((wantedPort ?? '') !== (port ?? '')) return false;
  const wanted = wantedName.split('.');
  const labels = name.split('.');
  return wanted.length === labels.length && wanted.every((w, i) => labelFits(w, labels[i] ?? ''));
}

function fits(pattern: string, place: string): boolean {
  const [wantedHost = '', ...wantedPath] = pattern.split('/');
  const [host = '', ...path] = place.split('/');
  const known = wantedHost === 'docker.io' ? DEFAULT_REGISTRY : wantedHost;
  return hostFits(known, host) && path.join('/').startsWith(wantedPath.join('/'));
}

const pathLength = (pattern: string): number => pattern.length - (pattern.split('/', 1)[0] ?? '').length;

/**
 * The credentials to try for an image, one after the other: those with longer paths first, else in the given order
 * ("Images", interpretation of config.json). Pure.
 */
export function credentialsFor(image: string, keyring: readonly KeyringEntry[]): RegistryCredentials[] {
  const place = placeOf(image);
  return keyring
    .filter((e) => fits(e.pattern, place))
    .sort((a, b) => pathLength(b.pattern) - pathLength(a.pattern))
    .map((e) => e.credentials);
}
