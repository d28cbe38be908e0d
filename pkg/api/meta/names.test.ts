import { describe, expect, test } from 'vitest';
import {
  cIdentifier,
  cidr,
  configMapKey,
  dns1035Label,
  dnsLabel,
  dnsSubdomain,
  envVarName,
  httpHeaderName,
  ipAddress,
  labelValue,
  pathSegment,
  portName,
  portNumber,
  qualifiedName,
  wildcardSubdomain,
} from './names.ts';

const long = (n: number): string => 'a'.repeat(n);

test.each<[string, (v: string) => string[], string[], string[]]>([
  ['dnsLabel', dnsLabel, ['a', '0', 'a-b', long(63)], ['', 'A', '-a', 'a-', 'a.b', 'a_b', 'a\n', long(64)]],
  ['dnsSubdomain', dnsSubdomain, ['a', 'a.b', '1.2', `${long(63)}.b`], ['', '.', 'a..b', 'a.', 'A', '*.a', long(254)]],
  ['dns1035Label', dns1035Label, ['a', 'a1', 'a-b'], ['', '1a', 'A', 'a-', long(64)]],
  ['labelValue', labelValue, ['', 'a', 'A_b.c-d', '1'], ['-a', 'a/b', 'a ', long(64)]],
  [
    'qualifiedName',
    qualifiedName,
    ['a', 'A.b_c', 'x.y/z', `${long(253)}/${long(63)}`],
    ['', '/a', 'x/', 'x/y/z', 'X/y', long(64), 'a b'],
  ],
  ['pathSegment', pathSegment, ['a:b', 'A', 'system:x'], ['.', '..', 'a/b', 'a%b']],
  ['configMapKey', configMapKey, ['a', '.a', 'A_b', '__proto__'], ['', '.', '..', '..a', 'a/b', long(254)]],
  ['envVarName', envVarName, ['A', '0', 'a b', '#a', '-', '~'], ['', 'a=b', 'a\u0001', 'ä', 'a\n']],
  ['cIdentifier', cIdentifier, ['a', '_a1'], ['', '1a', 'a-b']],
  ['portName', portName, ['http', 'a', '1-a', long(15)], ['', 'A', '80', '-a', 'a-', 'a--b', 'a_b', long(16)]],
  ['wildcardSubdomain', wildcardSubdomain, ['*.a', '*.a.b'], ['*', '*.', 'a.b', '*.*.a', '*a.b']],
  ['httpHeaderName', httpHeaderName, ['X-A', 'a'], ['', 'a b', 'a:']],
  ['ipAddress', ipAddress, ['1.2.3.4', '::1'], ['', '1.2.3', '1.2.3.256', '1.2.3.04', 'fe80::1%eth0', 'a']],
  [
    'cidr',
    cidr,
    ['10.0.0.0/8', '10.1.2.3/8', '::/0', '2001:db8::/64'],
    ['10.0.0.0', '10.0.0.0/33', '::/129', '1.2.3.4/08', '/8', 'a/8'],
  ],
])('%s', (_name, check, good, bad) => {
  for (const v of good) expect([v, check(v)]).toEqual([v, []]);
  for (const v of bad) expect([v, check(v).length > 0]).toEqual([v, true]);
});

describe('the words are those of Kubernetes', () => {
  test.each<[string[], string[]]>([
    [
      dnsSubdomain('A'),
      [
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
      ],
    ],
    [
      dnsLabel('A'),
      [
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
      ],
    ],
    [
      qualifiedName('a b'),
      [
        "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
      ],
    ],
    [dnsLabel(long(64)), ['must be no more than 63 characters']],
    [qualifiedName('/a'), ['prefix part must be non-empty']],
    [pathSegment('..'), ["may not be '..'"]],
    [pathSegment('a%/'), ["may not contain '/'", "may not contain '%'"]],
    [portNumber(0), ['must be between 1 and 65535, inclusive']],
    [
      envVarName('a=b'),
      ["a valid environment variable name must consist only of printable ASCII characters other than '='"],
    ],
    [configMapKey('..a'), ["must not start with '..'"]],
  ])('%j', (got, want) => expect(got).toEqual(want));
});
