import { expect, test } from 'vitest';
import type { Secret } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { fateOf } from './controller.ts';

const secret = (uid: string | undefined, data: Record<string, string> = {}): Stored<Secret> =>
  ({
    metadata: { annotations: uid ? { 'kubernetes.io/service-account.uid': uid } : {} },
    data,
  }) as unknown as Stored<Secret>;
const full = { token: 'dA==', namespace: 'bnM=', 'ca.crt': Buffer.from('CA').toString('base64') };

test.each<[string, Stored<Secret>, string | undefined, string]>([
  ['new', secret(undefined), 'u', 'fill'],
  ['complete', secret('u', full), 'u', 'keep'],
  ['with an old CA', secret('u', { ...full, 'ca.crt': 'eA==' }), 'u', 'fill'],
  ['of an earlier account', secret('v', full), 'u', 'delete'],
  ['of no account', secret(undefined), undefined, 'delete'],
])('%s', (_, s, uid, want) => {
  expect(fateOf(s, uid, 'CA')).toBe(want);
});
