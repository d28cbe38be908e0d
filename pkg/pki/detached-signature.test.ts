import { expect, test } from 'vitest';
import { signDetached, verifyDetached } from './detached-signature.ts';

const token = { id: 'abcdef', secret: '0123456789abcdef' };
const text = 'apiVersion: v1\nkind: Config\n';
const signature = signDetached(text, token);
const [header = '', , mac = ''] = signature.split('.');
const other = (claims: object): string => `${Buffer.from(JSON.stringify(claims)).toString('base64url')}..${mac}`;

test('the form is that of a JWS without its payload', () => {
  expect(signature).toMatch(/^[\w-]+\.\.[\w-]{43}$/);
  expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({ alg: 'HS256', kid: 'abcdef' });
});

test.each<[string, boolean, string, string, typeof token]>([
  ['itself', true, text, signature, token],
  ['another text', false, `${text} `, signature, token],
  ['another secret', false, text, signature, { ...token, secret: '0123456789abcdee' }],
  ['another id', false, text, signature, { ...token, id: 'abcdee' }],
  ['no algorithm', false, text, other({ alg: 'none', kid: 'abcdef' }), token],
  ['a payload', false, text, signature.replace('..', '.e30.'), token],
  ['a broken header', false, text, `x..${mac}`, token],
  ['nothing', false, text, '', token],
])('%s', (_, good, what, by, whose) => {
  expect(verifyDetached(what, by, whose)).toBe(good);
});
