import { expect, test } from 'vitest';
import { parseUnsafeSysctls, sysctlName, sysctlRefusal } from './sysctls.ts';

test.each([
  ['net.ipv4.tcp_syncookies', 'net.ipv4.tcp_syncookies'],
  ['net/ipv4/tcp_syncookies', 'net.ipv4.tcp_syncookies'],
  ['net.ipv4.conf.eno2/100.rp_filter', 'net.ipv4.conf.eno2/100.rp_filter'],
  ['net/ipv4/conf/eno2.100/rp_filter', 'net.ipv4.conf.eno2/100.rp_filter'],
  ['plain', 'plain'],
])('%s with dots is %s', (written, dotted) => {
  expect(sysctlName(written)).toBe(dotted);
});

const pod = { hostNetwork: false, hostIpc: false };

test.each<[string, string, Partial<typeof pod> & { unsafe?: string[] }, string | undefined]>([
  ['a safe one', 'net.ipv4.tcp_syncookies', {}, undefined],
  ['with slashes', 'net/ipv4/tcp_syncookies', {}, undefined],
  ['an unsafe one', 'kernel.msgmax', {}, 'not allowlisted'],
  ['one that is allowed here', 'kernel.msgmax', { unsafe: ['kernel.msgmax'] }, undefined],
  ['allowed by its beginning', 'kernel/msgmnb', { unsafe: ['kernel.msg*'] }, undefined],
  ['another than is allowed', 'kernel.sem', { unsafe: ['kernel.msg*', 'kernel.se'] }, 'not allowlisted'],
  ['of the node', 'net.core.somaxconn', { unsafe: ['net.*'], hostNetwork: true }, 'not allowed with host net enabled'],
  [
    'memory of the node',
    'kernel.shmmax',
    { unsafe: ['kernel.shm*'], hostIpc: true },
    'not allowed with host ipc enabled',
  ],
  [
    'the network of the node is another matter',
    'kernel.shmmax',
    { unsafe: ['kernel.shm*'], hostNetwork: true },
    undefined,
  ],
])('%s: %s', (_, name, { unsafe = [], ...of }, why) => {
  expect(sysctlRefusal(name, { ...pod, ...of, unsafe })).toBe(why);
});

test('patterns are of sysctls that a pod has for itself', () => {
  expect(parseUnsafeSysctls('')).toEqual([]);
  const some = 'kernel.shm*,kernel/msg*,kernel.sem,fs.mqueue.*,net.*,net.core.somaxconn,fs.mqueue.msg_max';
  expect(parseUnsafeSysctls(some)).toEqual(some.replaceAll('/', '.').split(','));
  for (const wrong of ['vm.swappiness', 'kernel.*', '*', 'kernel.semaphore', 'net'])
    expect(() => parseUnsafeSysctls(`net.*,${wrong}`)).toThrow(`"${wrong}" is not of a pod alone: kernel.shm*`);
});
