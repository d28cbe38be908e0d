import { expect, test } from 'vitest';
import type { Pod } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Client } from '#client/types.ts';
import { removePod } from './replaced.ts';

const kind = { group: '', plural: 'pods', kind: 'Pod' };
const conflict = () => errors.modified(kind, 'p');
const missing = () => errors.notFound(kind, 'p');
const podOf = (uid: string) => ({ metadata: { name: 'p', namespace: 'ns', uid } }) as unknown as Stored<Pod>;

test.each<[string, Error | undefined, string | Error, boolean]>([
  ['is removed', undefined, 'mine', true],
  ['is gone', missing(), 'mine', true],
  ['was replaced by another', conflict(), 'other', true],
  ['went meanwhile', conflict(), missing(), true],
  ['was replaced by one of another node', conflict(), errors.forbidden(kind, 'p', 'not yours'), true],
  ['was written to in the same moment', conflict(), 'mine', false],
  ['may be anything', conflict(), new Error('no route'), false],
  ['cannot be removed', new Error('no route'), 'mine', false],
])('the last step of a pod that %s', async (_, refusal, there, done) => {
  const asked: unknown[] = [];
  const client = {
    delete: async (...args: unknown[]) => {
      asked.push(args.at(-1));
      if (refusal) throw refusal;
    },
    get: async () => {
      if (there instanceof Error) throw there;
      return podOf(there);
    },
  } as unknown as Client;
  const step = removePod(client, podOf('mine'));
  if (done) await step;
  else await expect(step).rejects.toBe(refusal);
  expect(asked).toEqual([{ gracePeriodSeconds: 0, preconditions: { uid: 'mine' } }]);
});
