import { expect, test } from 'vitest';
import { fieldErrorText } from '../../../meta/fielderrors.ts';
import { validateAddresses } from './pod-addresses.ts';

const list = (...ips: string[]) => ips.map((ip) => ({ ip }));
const twice = 'may specify no more than one IP for each IP family';

test.each<[object, string[]]>([
  [{}, []],
  [{ hostIP: '10.0.0.1', hostIPs: list('10.0.0.1', 'fd00::1'), podIPs: list('fd00::2', '10.1.0.2') }, []],
  [
    { podIPs: list('10.1.0.2', '10.1.0.3') },
    [`status.podIPs: Invalid value: [{"ip":"10.1.0.2"},{"ip":"10.1.0.3"}]: ${twice}`],
  ],
  [
    { hostIP: 'fd00::1', hostIPs: list('fd00::1', 'fd00::2') },
    [`status.hostIPs: Invalid value: [{"ip":"fd00::1"},{"ip":"fd00::2"}]: ${twice}`],
  ],
  [
    { hostIP: '10.0.0.9', hostIPs: list('10.0.0.1') },
    ['status.hostIPs[0].ip: Invalid value: "10.0.0.1": must be equal to `hostIP`'],
  ],
  [
    { podIPs: list('10.1.0.2', 'x') },
    ['status.podIPs[1]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
  ],
])('%j', (status, want) => {
  expect(validateAddresses(status).map(fieldErrorText)).toEqual(want);
});
