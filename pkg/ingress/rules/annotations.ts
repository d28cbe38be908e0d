import type { CookieAffinity, Problem, Protocol, RouteSettings } from './types.ts';

/** Ours, and the widely known one: manifests written for it work unchanged. Ours wins. */
const OWN = 'ingress.coxswain.dev/';
const PREFIXES = ['nginx.ingress.kubernetes.io/', OWN] as const;

export const DEFAULT_SETTINGS: RouteSettings = {
  sslRedirect: true,
  maxBodyBytes: 0,
  connectTimeoutMs: 3000,
  readTimeoutMs: 60_000,
  sendTimeoutMs: 60_000,
};

/** By their names in annotations; gRPC is HTTP/2. */
const PROTOCOLS: Readonly<Record<string, Protocol>> = { HTTP: 'http1', H2C: 'h2c', GRPC: 'h2c' };

const MAX_TIMEOUT_S = 86_400;
const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };
/** RFC 6265, token. */
const COOKIE_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** A parser takes a value and says what it means; it throws an Error that says what a good value looks like. */
type Draft = { -readonly [K in keyof RouteSettings]: RouteSettings[K] } & {
  cookie: { -readonly [K in keyof CookieAffinity]: CookieAffinity[K] };
  wantsCookie: boolean;
};

function seconds(text: string): number {
  const n = Number(/^(\d+)s?$/.exec(text)?.[1]);
  if (!(n >= 1 && n <= MAX_TIMEOUT_S)) throw new Error(`must be a number of seconds from 1 to ${MAX_TIMEOUT_S}`);
  return n * 1000;
}

function bytes(text: string): number {
  const [, digits, unit = ''] = /^(\d{1,15})([kmg]?)$/i.exec(text) ?? [];
  if (digits === undefined) throw new Error('must be a size such as 8m, 512k or 0 for any');
  return Number(digits) * (UNITS[unit.toLowerCase()] ?? 1);
}

function bool(text: string): boolean {
  if (text !== 'true' && text !== 'false') throw new Error('must be "true" or "false"');
  return text === 'true';
}

const PARSERS: Readonly<Record<string, (value: string, s: Draft) => void>> = {
  'rewrite-target': (v, s) => {
    if (!v.startsWith('/')) throw new Error('must begin with "/"');
    // $2 is the idiom for "the rest" of a path that ends in (/|$)(.*), which is what a rewrite keeps anyway.
    const plain = v.replace(/\/?\$2$/, '/');
    if (/[$\s?#]/.test(plain)) throw new Error('must be a path, without references to groups');
    s.rewriteTarget = plain;
  },
  'ssl-redirect': (v, s) => {
    s.sslRedirect = bool(v);
  },
  'backend-protocol': (v, s) => {
    const protocol = Object.hasOwn(PROTOCOLS, v.toUpperCase()) ? PROTOCOLS[v.toUpperCase()] : undefined;
    if (!protocol) throw new Error(`must be one of ${Object.keys(PROTOCOLS).join(', ')}`);
    s.protocol = protocol;
  },
  affinity: (v, s) => {
    if (v !== 'cookie') throw new Error('must be "cookie"');
    s.wantsCookie = true;
  },
  'session-cookie-name': (v, s) => {
    if (!COOKIE_NAME.test(v)) throw new Error('must be a name of a cookie');
    s.cookie.name = v;
  },
  'session-cookie-max-age': (v, s) => {
    if (!/^\d{1,9}$/.test(v)) throw new Error('must be a number of seconds');
    s.cookie.maxAgeSeconds = Number(v);
  },
  'session-cookie-samesite': (v, s) => {
    if (v !== 'Strict' && v !== 'Lax' && v !== 'None') throw new Error('must be Strict, Lax or None');
    s.cookie.sameSite = v;
  },
  'proxy-body-size': (v, s) => {
    s.maxBodyBytes = bytes(v);
  },
  'proxy-connect-timeout': (v, s) => {
    s.connectTimeoutMs = seconds(v);
  },
  'proxy-read-timeout': (v, s) => {
    s.readTimeoutMs = seconds(v);
  },
  'proxy-send-timeout': (v, s) => {
    s.sendTimeoutMs = seconds(v);
  },
};

/** Settings of an Ingress. What cannot be understood is left at its default and told in `problems`. */
export function readSettings(annotations: Readonly<Record<string, string>>, problems: Problem[]): RouteSettings {
  const draft: Draft = { ...DEFAULT_SETTINGS, cookie: { name: 'INGRESSCOOKIE' }, wantsCookie: false };
  for (const prefix of PREFIXES) {
    for (const [key, value] of Object.entries(annotations)) {
      if (!key.startsWith(prefix)) continue;
      const name = key.slice(prefix.length);
      const parse = Object.hasOwn(PARSERS, name) ? PARSERS[name] : undefined;
      if (!parse) {
        // Of the other prefix there are many more than anybody could know.
        if (prefix === OWN) problems.push(bad(`${key} is not known`));
        continue;
      }
      try {
        parse(value.trim(), draft);
      } catch (e) {
        problems.push(bad(`${key}: "${value.slice(0, 100)}" ${(e as Error).message}`));
      }
    }
  }
  const { cookie, wantsCookie, ...settings } = draft;
  return wantsCookie ? { ...settings, affinity: cookie } : settings;
}

const bad = (message: string): Problem => ({ reason: 'InvalidAnnotation', message });
