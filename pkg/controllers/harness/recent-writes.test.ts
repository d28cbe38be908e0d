import { describe, expect, test } from 'vitest';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { LastWritten, RecentWrites } from './recent-writes.ts';

const at = (uid: string, version: number, more: object = {}): Stored<KubeObject> => ({
  metadata: { name: uid, uid, resourceVersion: String(version), creationTimestamp: '', ...more },
});
const uids = (list: readonly Stored<KubeObject>[]): string[] => list.map((o) => o.metadata.uid);

describe('children', () => {
  const setup = (version: number) => {
    const cache = { resourceVersion: String(version), lister: { get: () => undefined } };
    return { cache, recent: new RecentWrites<KubeObject>(cache) };
  };

  test('one just created counts before the cache shows it, and once only after', () => {
    const { cache, recent } = setup(5);
    recent.created('o', at('new', 7));
    expect(uids(recent.overlay('o', [at('old', 3)]))).toEqual(['old', 'new']);
    cache.resourceVersion = '7';
    expect(uids(recent.overlay('o', [at('old', 3), at('new', 7)]))).toEqual(['old', 'new']);
  });

  test('one created and gone again is not kept alive by our memory', () => {
    const { cache, recent } = setup(5);
    recent.created('o', at('new', 7));
    cache.resourceVersion = '9';
    expect(recent.overlay('o', [])).toEqual([]);
    cache.resourceVersion = '6';
    expect(recent.overlay('o', [])).toEqual([]);
  });

  test('one that ends in its own time is shown as ending, even if its creation was not seen yet', () => {
    const { cache, recent } = setup(5);
    const ending = (uid: string) => at(uid, 8, { deletionTimestamp: 'now' });
    recent.created('o', at('new', 7));
    recent.deleted('o', 'new', ending('new'));
    recent.deleted('o', 'a', ending('a'));
    const shown = recent.overlay('o', [at('a', 3), at('b', 3)]);
    expect(shown.map((o) => [o.metadata.uid, o.metadata.deletionTimestamp])).toEqual([
      ['a', 'now'],
      ['b', undefined],
      ['new', 'now'],
    ]);
    cache.resourceVersion = '9';
    expect(uids(recent.overlay('o', [at('b', 3)]))).toEqual(['b']);
  });

  test('one deleted before the cache showed it come does not come back when it does, however often it is asked', () => {
    const { cache, recent } = setup(5);
    const ending = at('slow', 9, { deletionTimestamp: 'now' });
    for (const uid of ['gone', 'slow']) recent.created('o', at(uid, uid === 'gone' ? 6 : 7));
    recent.deleted('o', 'gone');
    recent.deleted('o', 'slow', ending);
    for (let look = 0; look < 2; look++) expect(recent.overlay('o', [])).toEqual([ending]);
    cache.resourceVersion = '7';
    for (let look = 0; look < 2; look++) expect(recent.overlay('o', [at('gone', 6), at('slow', 7)])).toEqual([ending]);
    cache.resourceVersion = '9';
    expect(recent.overlay('o', [ending])).toEqual([ending]);
  });

  test('one just deleted does not count, until the cache says the same', () => {
    const { recent } = setup(5);
    recent.deleted('o', 'a');
    expect(uids(recent.overlay('o', [at('a', 3), at('b', 3)]))).toEqual(['b']);
    const terminating = at('a', 8, { deletionTimestamp: 'now' });
    expect(uids(recent.overlay('o', [terminating, at('b', 3)]))).toEqual(['a', 'b']);
    expect(uids(recent.overlay('o', [at('b', 3)]))).toEqual(['b']);
  });

  test('owners do not mix, and can be forgotten', () => {
    const { recent } = setup(5);
    recent.created('o', at('new', 7));
    expect(recent.overlay('p', [])).toEqual([]);
    recent.forget('o');
    expect(recent.overlay('o', [])).toEqual([]);
  });

  test('what is made of an owner that is gone is forgotten with its end', () => {
    const { recent } = setup(5);
    recent.forget('o');
    for (const uid of ['a', 'b']) recent.created('o', at(uid, 7));
    recent.deleted('o', 'b');
    for (const uid of ['a', 'b', 'c']) recent.gone('o', uid);
    recent.gone('p', 'a');
    expect(recent.size).toBe(0);
  });

  test('versions are numbers, not text', () => {
    const { recent } = setup(9);
    recent.created('o', at('new', 10));
    expect(uids(recent.overlay('o', []))).toEqual(['new']);
  });
});

test('the newer of cache and own write wins', () => {
  const last = new LastWritten<KubeObject>();
  last.wrote(at('a', 10));
  expect(last.freshest(at('a', 9)).metadata.resourceVersion).toBe('10');
  expect(last.freshest(at('a', 11)).metadata.resourceVersion).toBe('11');
  expect(last.freshest(at('a', 9)).metadata.resourceVersion).toBe('9');
});
