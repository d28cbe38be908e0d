import { expect, test } from 'vitest';
import { claimedIdentity } from '../authn/request-header.ts';
import type { UserInfo } from '../request/context.ts';
import { IDENTITY_HEADERS, identityHeaders } from './identity.ts';

const options = {
  usernameHeaders: [IDENTITY_HEADERS.user],
  uidHeaders: [IDENTITY_HEADERS.uid],
  groupHeaders: [IDENTITY_HEADERS.group],
  extraPrefixes: [IDENTITY_HEADERS.extraPrefix],
};
const asReceived = (user: UserInfo): Record<string, string[]> =>
  Object.fromEntries(
    Object.entries(identityHeaders(user)).map(([k, v]) => [k.toLowerCase(), Array.isArray(v) ? v : [String(v)]]),
  );

test('what one side writes the other reads', () => {
  const user = {
    name: 'ann',
    uid: 'u1',
    groups: ['a', 'b'],
    extra: { 'example.com/scope (x)': ['one', 'two'], plain: ['3'] },
  };
  expect(claimedIdentity(asReceived(user), options)).toEqual(user);
  expect(asReceived(user)).toMatchObject({ 'x-remote-extra-example.com%2fscope%20%28x%29': ['one', 'two'] });
});

test('no header can be smuggled in, and text is sent as UTF-8', () => {
  const { [IDENTITY_HEADERS.user]: name } = identityHeaders({
    name: 'é\r\nX-Remote-Group: system:masters',
    groups: [],
  });
  expect(Buffer.from(String(name), 'latin1').toString()).toBe('é  X-Remote-Group: system:masters');
});

test('nobody is named without a user', () => {
  expect(claimedIdentity({ 'x-remote-group': ['system:masters'] }, options)).toBeUndefined();
});
