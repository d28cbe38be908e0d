import { isIP } from 'node:net';

/**
 * Syntax of names, labels and the like. Each check returns the messages Kubernetes gives, none when the value is fine
 * (Kubernetes docs: "Object Names and IDs", "Labels and Selectors").
 */
const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const LABEL_1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const QUALIFIED = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const VALUE = `(${QUALIFIED})?`;
const WILDCARD = `\\*\\.${SUBDOMAIN}`;
const C_IDENTIFIER = '[A-Za-z_][A-Za-z0-9_]*';
const HEADER = '[-A-Za-z0-9]+';

const whole = (pattern: string): RegExp => new RegExp(`^(?:${pattern})$`);
const RE = {
  label: whole(LABEL),
  subdomain: whole(SUBDOMAIN),
  label1035: whole(LABEL_1035),
  qualified: whole(QUALIFIED),
  value: whole(VALUE),
  envVar: /^[ -<>-~]+$/,
  cIdentifier: whole(C_IDENTIFIER),
  wildcard: whole(WILDCARD),
  header: whole(HEADER),
  configKey: whole('[-._a-zA-Z0-9]+'),
  portName: whole('[-a-z0-9]+'),
};

const tooLong = (max: number): string => `must be no more than ${max} characters`;
// Two spaces before "or": Kubernetes has them.
const pattern = (what: string, re: string, ...examples: string[]): string =>
  `${what} (e.g. ${examples.map((e) => `'${e}'`).join(',  or ')}, regex used for validation is '${re}')`;

const LABEL_MESSAGE = pattern(
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  LABEL,
  'my-name',
  '123-abc',
);
const SUBDOMAIN_MESSAGE = pattern(
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  SUBDOMAIN,
  'example.com',
);
const LABEL_1035_MESSAGE = pattern(
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  LABEL_1035,
  'my-name',
  'abc-123',
);
const QUALIFIED_MESSAGE = pattern(
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  QUALIFIED,
  'MyName',
  'my.name',
  '123-abc',
);
const VALUE_MESSAGE = pattern(
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  VALUE,
  'MyValue',
  'my_value',
  '12345',
);

function check(value: string, max: number, re: RegExp, message: string): string[] {
  const problems: string[] = [];
  if (value.length > max) problems.push(tooLong(max));
  if (!re.test(value)) problems.push(message);
  return problems;
}

export const dnsLabel = (v: string): string[] => check(v, 63, RE.label, LABEL_MESSAGE);
export const dnsSubdomain = (v: string): string[] => check(v, 253, RE.subdomain, SUBDOMAIN_MESSAGE);
export const dns1035Label = (v: string): string[] => check(v, 63, RE.label1035, LABEL_1035_MESSAGE);
export const labelValue = (v: string): string[] => check(v, 63, RE.value, VALUE_MESSAGE);

/** Names that go into URLs as they are (RBAC). */
export function pathSegment(v: string): string[] {
  const problems: string[] = [];
  if (v === '.' || v === '..') problems.push(`may not be '${v}'`);
  for (const c of ['/', '%']) if (v.includes(c)) problems.push(`may not contain '${c}'`);
  return problems;
}

/** Names found good: the same few are asked for again and again. Forgotten when there are too many. */
const qualified = new Set<string>();
const MAX_QUALIFIED = 1000;

/** "name" or "prefix/name": label and annotation keys, finalizers, resource names. */
export function qualifiedName(v: string): string[] {
  if (qualified.has(v)) return [];
  const problems = qualifiedNameProblems(v);
  if (problems.length > 0) return problems;
  if (qualified.size >= MAX_QUALIFIED) qualified.clear();
  qualified.add(v);
  return [];
}

function qualifiedNameProblems(v: string): string[] {
  const parts = v.split('/');
  const problems: string[] = [];
  let name = v;
  if (parts.length === 2) {
    const [prefix = '', rest = ''] = parts;
    name = rest;
    if (prefix === '') problems.push('prefix part must be non-empty');
    else problems.push(...dnsSubdomain(prefix).map((m) => `prefix part ${m}`));
  } else if (parts.length > 2) {
    return [
      `a qualified name ${QUALIFIED_MESSAGE} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  if (name === '') problems.push('name part must be non-empty');
  else if (name.length > 63) problems.push(`name part ${tooLong(63)}`);
  if (!RE.qualified.test(name)) problems.push(`name part ${QUALIFIED_MESSAGE}`);
  return problems;
}

export const configMapKey = (v: string): string[] => {
  const problems = check(
    v,
    253,
    RE.configKey,
    pattern(
      "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
      '[-._a-zA-Z0-9]+',
      'key.name',
      'KEY_NAME',
      'key-name',
    ),
  );
  if (v === '.' || v === '..' || v.startsWith('..'))
    problems.push(v === '.' || v === '..' ? `must not be '${v}'` : `must not start with '..'`);
  return problems;
};

/**
 * Names of environment variables, by the rule that is on by default since 1.32: any printable ASCII but "=".
 */
export function envVarName(v: string): string[] {
  if (v === '') return ['environment variable name must be non-empty'];
  return RE.envVar.test(v)
    ? []
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

/** The old rule, for names that must do as shell variables. */
export const cIdentifier = (v: string): string[] =>
  RE.cIdentifier.test(v)
    ? []
    : [
        pattern(
          "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
          C_IDENTIFIER,
          'my_name',
          'MY_NAME',
          'MyName',
        ),
      ];

/** "*.example.com": hosts of Ingress rules. */
export const wildcardSubdomain = (v: string): string[] =>
  check(
    v,
    253,
    RE.wildcard,
    pattern(
      "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
      WILDCARD,
      '*.example.com',
    ),
  );

/** Header names of HTTP probes. */
export const httpHeaderName = (v: string): string[] =>
  RE.header.test(v)
    ? []
    : [pattern("a valid HTTP header must consist of alphanumeric characters or '-'", HEADER, 'X-Header-Name')];

/** An IPv4 or IPv6 address. Go refuses octets with leading zeros, and so does this. */
export const ipAddress = (v: string): string[] =>
  isIP(v) && !v.includes('%') ? [] : ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'];

/** "10.0.0.0/8" or "2001:db8::/64"; bits right of the prefix may be set. */
export function cidr(v: string): string[] {
  const m = /^([^/%]+)\/(0|[1-9]\d{0,2})$/.exec(v);
  const family = isIP(m?.[1] ?? '');
  return m && family && Number(m[2]) <= (family === 4 ? 32 : 128)
    ? []
    : ['must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'];
}

/** Port names: IANA_SVC_NAME (RFC 6335, section 5.1). */
export function portName(v: string): string[] {
  const problems: string[] = [];
  if (v.length > 15) problems.push(tooLong(15));
  if (!RE.portName.test(v)) problems.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(v)) problems.push('must contain at least one letter (a-z)');
  if (v.includes('--')) problems.push('must not contain consecutive hyphens');
  if (v.startsWith('-') || v.endsWith('-')) problems.push('must not begin or end with a hyphen');
  return problems;
}

export const portNumber = (n: number): string[] =>
  Number.isInteger(n) && n >= 1 && n <= 65_535 ? [] : ['must be between 1 and 65535, inclusive'];
