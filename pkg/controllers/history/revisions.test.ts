import { expect, test } from 'vitest';
import type { ControllerRevision } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { surplusRevisions, templateOf } from './revisions.ts';

const revision = (name: string): Stored<ControllerRevision> =>
  ({ metadata: { name, uid: name }, revision: 1 }) as unknown as Stored<ControllerRevision>;
const all = ['a', 'b', 'c', 'd'].map(revision);

test.each<[string[], number, string[]]>([
  [['d'], 10, []],
  [['d'], 1, ['a', 'b']],
  [['a', 'd'], 1, ['b']],
  [['d'], 0, ['a', 'b', 'c']],
])('with %j in use and a limit of %i, %j are too many', (used, limit, gone) => {
  expect(surplusRevisions(all, new Set(used), limit).map((r) => r.metadata.name)).toEqual(gone);
});

test('a revision holds the template, apart from the mark that makes it a patch', () => {
  const template = { metadata: { labels: { a: 'b' } }, $patch: 'replace' };
  expect(templateOf({ data: { spec: { template } } } as unknown as ControllerRevision)).toEqual({
    metadata: { labels: { a: 'b' } },
  });
});
