import { expect, test } from 'vitest';
import { fakeDeps } from '../fake-deps.ts';
import { serviceAccountTokens } from './controller.ts';

const UID = 'kubernetes.io/service-account.uid';
const account = (uid: string) => ({ metadata: { namespace: 'ns', name: 'bot', uid, resourceVersion: '1' } });
const secret = (annotations: Record<string, string>, data: Record<string, string> = {}) => ({
  metadata: {
    ...{ namespace: 'ns', name: 'token', uid: 's', resourceVersion: '5' },
    annotations: { 'kubernetes.io/service-account.name': 'bot', ...annotations },
  },
  type: 'kubernetes.io/service-account-token',
  data,
});

/** What is written about a Secret while the cache shows the account that was there before. */
async function written(s: object): Promise<unknown[]> {
  const calls: unknown[] = [];
  const client = {
    get: async () => account('new'),
    createSubresource: async () => ({ status: { token: 't' } }),
    patch: async (_kind: unknown, _target: unknown, { body }: { body: unknown }) => calls.push(body),
    delete: async () => calls.push('deleted'),
  };
  const deps = fakeDeps({ ServiceAccount: [account('old')], Secret: [s] }, client);
  await serviceAccountTokens(deps, undefined).reconcile('ns/bot', new AbortController().signal);
  return calls;
}

test('a Secret of an account that was made anew is filled for that one', async () => {
  expect(await written(secret({}))).toMatchObject([{ metadata: { annotations: { [UID]: 'new' } } }]);
});

test('a Secret of an account that was made anew is not taken for one of nobody', async () => {
  expect(await written(secret({ [UID]: 'new' }, { token: 'dA==', namespace: 'bnM=' }))).toEqual([]);
});
