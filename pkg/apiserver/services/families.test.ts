import { describe, expect, test } from 'vitest';
import type { ServiceSpec } from '#api/kinds/core/service/spec.ts';
import { type FieldError, fieldErrorText } from '#api/meta/fielderrors.ts';
import type { IpFamily } from '#api/meta/ip.ts';
import { settleFamilies } from './families.ts';

const V4: IpFamily[] = ['IPv4'];
const V6: IpFamily[] = ['IPv6'];
const BOTH: IpFamily[] = ['IPv4', 'IPv6'];
const BOTH6: IpFamily[] = ['IPv6', 'IPv4'];
type Fields = Pick<ServiceSpec, 'ipFamilyPolicy' | 'ipFamilies' | 'clusterIP' | 'clusterIPs' | 'type' | 'selector'>;

const SELECTOR = { app: 'a' };
function settled(given: Fields, configured: IpFamily[], old?: Fields) {
  const spec: ServiceSpec = { type: 'ClusterIP', selector: SELECTOR, ...structuredClone(given) };
  const before = old && ({ type: 'ClusterIP', selector: SELECTOR, ...old } as ServiceSpec);
  const problems: FieldError[] = settleFamilies(spec, before, configured);
  return problems.length > 0
    ? problems.map(fieldErrorText)
    : [spec.ipFamilyPolicy ?? '', (spec.ipFamilies ?? []).join(), (spec.clusterIPs ?? []).join()];
}

const HEADLESS = { clusterIP: 'None', clusterIPs: ['None'] };
const A4 = { clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1'] };
const A6 = { clusterIP: 'fd00::1', clusterIPs: ['fd00::1'] };
const A46 = { clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1', 'fd00::1'] };
const PREFER = { ipFamilyPolicy: 'PreferDualStack' } as const;
const REQUIRE = { ipFamilyPolicy: 'RequireDualStack' } as const;
const SINGLE = { ipFamilyPolicy: 'SingleStack' } as const;

describe('a new Service', () => {
  test.each<[string, Fields, IpFamily[], [string, string, string]]>([
    ['nothing said', {}, BOTH, ['SingleStack', 'IPv4', '']],
    ['nothing said, IPv6 first', {}, BOTH6, ['SingleStack', 'IPv6', '']],
    ['one family', { ipFamilies: ['IPv6'] }, BOTH, ['SingleStack', 'IPv6', '']],
    ['one address', A6, BOTH, ['SingleStack', 'IPv6', 'fd00::1']],
    ['prefers both', PREFER, BOTH, ['PreferDualStack', 'IPv4,IPv6', '']],
    ['prefers both, has one', PREFER, V4, ['PreferDualStack', 'IPv4', '']],
    ['prefers both, IPv6 first', { ...PREFER, ipFamilies: ['IPv6'] }, BOTH, ['PreferDualStack', 'IPv6,IPv4', '']],
    ['prefers both, one address', { ...PREFER, ...A6 }, BOTH, ['PreferDualStack', 'IPv6,IPv4', 'fd00::1']],
    ['requires both', REQUIRE, BOTH6, ['RequireDualStack', 'IPv6,IPv4', '']],
    [
      'requires both, with addresses',
      { ...REQUIRE, ...A46 },
      BOTH,
      ['RequireDualStack', 'IPv4,IPv6', '10.0.0.1,fd00::1'],
    ],
    ['headless', HEADLESS, BOTH, ['SingleStack', 'IPv4', 'None']],
    ['headless, both', { ...HEADLESS, ...PREFER }, BOTH, ['PreferDualStack', 'IPv4,IPv6', 'None']],
    ['headless without selector', { ...HEADLESS, selector: {} }, V4, ['RequireDualStack', 'IPv4,IPv6', 'None']],
    ['the same, one family', { ...HEADLESS, ...SINGLE, selector: {} }, V6, ['SingleStack', 'IPv6', 'None']],
    ['without addresses', { type: 'ExternalName' }, V4, ['', '', '']],
  ])('%s', (_, given, configured, want) => {
    expect(settled(given, configured)).toEqual(want);
  });

  test.each<[string, Fields, IpFamily[], string[]]>([
    ['requires what is not there', REQUIRE, V4, ['this cluster is not configured for dual-stack services']],
    [
      'a family that is not there',
      { ipFamilies: ['IPv6'] },
      V4,
      ['spec.ipFamilies\\[0\\]: .*"IPv6": not configured on'],
    ],
    ['an address of it', A6, V4, ['spec.clusterIPs\\[0\\]: .*IPv6 is not configured on this cluster']],
    ['two families, single', { ...SINGLE, ipFamilies: BOTH }, BOTH, ["or 'PreferDualStack' when multiple IP families"]],
    [
      'two families, nothing said',
      { ipFamilies: BOTH },
      BOTH,
      ["must be 'RequireDualStack' or 'PreferDualStack' when"],
    ],
    ['two addresses, single', { ...SINGLE, ...A46 }, BOTH, ["or 'PreferDualStack' when multiple cluster IPs"]],
  ])('%s', (_, given, configured, want) => {
    const found = settled(given, configured);
    expect(found).toEqual(want.map((w) => expect.stringMatching(w)));
  });
});

describe('an update', () => {
  const one = { ...SINGLE, ...A4, ipFamilies: V4 };
  const two = { ...PREFER, ...A46, ipFamilies: BOTH };
  test.each<[string, Fields, Fields, IpFamily[], [string, string, string]]>([
    ['to both', one, { ...one, ...PREFER }, BOTH, ['PreferDualStack', 'IPv4,IPv6', '10.0.0.1']],
    ['to both, required', one, { ...one, ...REQUIRE }, BOTH, ['RequireDualStack', 'IPv4,IPv6', '10.0.0.1']],
    ['to both, where there is one', one, { ...one, ...PREFER }, V4, ['PreferDualStack', 'IPv4', '10.0.0.1']],
    ['back to one', two, { ...two, ...SINGLE }, BOTH, ['SingleStack', 'IPv4', '10.0.0.1']],
    ['back to one, in full', two, { ...one, ...SINGLE }, BOTH, ['SingleStack', 'IPv4', '10.0.0.1']],
    [
      'from preferred to required',
      two,
      { ...two, ...REQUIRE },
      BOTH,
      ['RequireDualStack', 'IPv4,IPv6', '10.0.0.1,fd00::1'],
    ],
    ['nothing said', two, A46, BOTH, ['PreferDualStack', 'IPv4,IPv6', '10.0.0.1,fd00::1']],
    [
      'of another field, when the cluster has got a second family',
      { ...PREFER, ...A4, ipFamilies: V4 },
      { ...PREFER, ...A4, ipFamilies: V4 },
      BOTH,
      ['PreferDualStack', 'IPv4', '10.0.0.1'],
    ],
    ['of another field, when it has lost it', two, two, V4, ['PreferDualStack', 'IPv4,IPv6', '10.0.0.1,fd00::1']],
    ['to an address at all', { type: 'ExternalName' }, PREFER, BOTH, ['PreferDualStack', 'IPv4,IPv6', '']],
  ])('%s', (_, old, given, configured, want) => {
    expect(settled(given, configured, old)).toEqual(want);
  });

  test('that takes a family away without saying so', () => {
    const found = settled({ ...PREFER, ...A4, ipFamilies: V4 }, BOTH, two);
    expect(found).toEqual(
      ['cluster IP', 'IP family'].map(
        (what) =>
          `spec.ipFamilyPolicy: Invalid value: "PreferDualStack": must be 'SingleStack' to release the secondary ${what}`,
      ),
    );
  });

  test('that requires what is not there', () => {
    expect(settled({ ...one, ...REQUIRE }, V4, one)).toEqual([
      'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
    ]);
  });
});
