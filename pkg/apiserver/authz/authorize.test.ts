import { expect, test } from 'vitest';
import { AuditAnnotations } from '../audit/annotations.ts';
import { parseRequestInfo } from '../request/info.ts';
import { anyOf, authorizationRequestOf, authorize } from './authorize.ts';
import type { Authorizer } from './rules.ts';

const SECRETS = '/api/v1/namespaces/ns/secrets';

/** Which object is asked permission for. */
const nameAsked = (path: string, fieldSelector?: string, method = 'GET'): string =>
  authorizationRequestOf(
    parseRequestInfo(method, path, false),
    new URLSearchParams(fieldSelector === undefined ? {} : { fieldSelector }),
  ).name;

test.each<[string, string]>([
  ['metadata.name=a', 'a'],
  ['metadata.name==a', 'a'],
  ['type=x,metadata.name=a', 'a'],
  ['metadata.name=a,type!=x', 'a'],
])('a list of %s is one of the object %s', (selector, name) => {
  expect(nameAsked(SECRETS, selector)).toBe(name);
  expect(nameAsked(SECRETS, selector, 'DELETE')).toBe(name);
});

test.each([
  '',
  'type=x',
  'metadata.name!=a',
  // A comma that is part of a value: the name is not asked for.
  'type!=x\\,metadata.name=a',
  'type!=x\\\\\\,metadata.name=a',
  'a.metadata.name=a',
  'metadata.name=a,nonsense',
])('a list of "%s" is one of all', (selector) => {
  expect(nameAsked(SECRETS, selector)).toBe('');
});

test('a selector says nothing of a single object', () => {
  expect(nameAsked(`${SECRETS}/b`, 'metadata.name=a')).toBe('b');
});

test('the decision is noted, with the words of the one who allowed', async () => {
  const silent: Authorizer = { allows: (_, r) => r.verb === 'get' };
  const late: Authorizer = { allows: () => false, allowsFresh: async (_, r) => r.verb === 'patch' };
  const wordy: Authorizer = { allows: (_, r) => r.verb !== 'delete' && r.verb !== 'patch', reasonFor: () => 'a rule' };
  const noted = async (method: string): Promise<Record<string, string>> => {
    const annotations = new AuditAnnotations({ level: 'Metadata', omitStages: [], omitManagedFields: false });
    const info = parseRequestInfo(method, `${SECRETS}/b`, false);
    await authorize(anyOf([silent, late, wordy]), { user: { name: 'jane', groups: [] }, info, annotations }).catch(
      () => {},
    );
    return Object.fromEntries(annotations);
  };
  const note = (decision: string, reason: string) => ({
    'authorization.k8s.io/decision': decision,
    'authorization.k8s.io/reason': reason,
  });
  expect(await noted('GET')).toEqual(note('allow', ''));
  expect(await noted('PATCH')).toEqual(note('allow', ''));
  expect(await noted('PUT')).toEqual(note('allow', 'a rule'));
  expect(await noted('DELETE')).toEqual(note('forbid', ''));
});
