import { beforeAll, describe, expect, test } from 'vitest';
import { useCluster } from '../../bed/suite.ts';
import { forgetHistory } from './history.ts';
import { type List, Wire } from './http.ts';

const cluster = useCluster('integration-lists', { without: ['scheduler', 'controller-manager'] });
let wire: Wire;
const MAPS = '/api/v1/namespaces/lists/configmaps';

const names = (l: List): string[] => l.items.map((o) => o.metadata.name);
const map = (name: string, labels = {}) => ({ metadata: { name, labels }, data: { v: '1' } });

beforeAll(async () => {
  wire = await Wire.to(cluster());
  await wire.ok('POST', '/api/v1/namespaces', { metadata: { name: 'lists' } });
  for (let i = 0; i < 10; i++) await wire.ok('POST', MAPS, map(`m${i}`, { half: String(i % 2) }));
});

/** Follows the tokens of a list to its end, each page from the next server. */
async function pages(first: List, query: string): Promise<List[]> {
  const all = [first];
  const { apiservers } = cluster();
  for (let last = first; last.metadata.continue; all.push(last)) {
    const server = apiservers[all.length % apiservers.length] ?? '';
    last = await wire.ok<List>('GET', `${MAPS}?${query}&continue=${last.metadata.continue}`, undefined, { server });
  }
  return all;
}

/** Changes, removes and adds objects on every page still to come; `undo` puts everything back. */
async function disturb(): Promise<() => Promise<void>> {
  await wire.ok('PATCH', `${MAPS}/m7`, { data: { v: '2' } });
  await wire.ok('DELETE', `${MAPS}/m8`);
  await wire.ok('POST', MAPS, map('m45', { half: '0' }));
  await wire.ok('PATCH', `${MAPS}/m6`, { metadata: { labels: { half: '1' } } });
  return async () => {
    await wire.ok('DELETE', `${MAPS}/m45`);
    await wire.ok('POST', MAPS, map('m8', { half: '0' }));
    await wire.ok('PATCH', `${MAPS}/m7`, { data: { v: '1' } });
    await wire.ok('PATCH', `${MAPS}/m6`, { metadata: { labels: { half: '0' } } });
  };
}

describe('chunked lists', () => {
  test('every page shows the state of the first, whatever is written meanwhile', async () => {
    const first = await wire.ok<List>('GET', `${MAPS}?limit=3`);
    expect(first.metadata.remainingItemCount).toBe(7);
    const undo = await disturb();
    const all = await pages(first, 'limit=3');
    expect(all.map(names)).toEqual([['m0', 'm1', 'm2'], ['m3', 'm4', 'm5'], ['m6', 'm7', 'm8'], ['m9']]);
    expect(all.map((p) => p.metadata.remainingItemCount)).toEqual([7, 4, 1, undefined]);
    expect(new Set(all.map((p) => p.metadata.resourceVersion)).size).toBe(1);
    expect(all[2]?.items[1]?.data).toEqual({ v: '1' });
    const now = await wire.ok<List>('GET', MAPS);
    expect(names(now)).toEqual(['m0', 'm1', 'm2', 'm3', 'm4', 'm45', 'm5', 'm6', 'm7', 'm9']);
    await undo();
  });

  test('selectors see the old labels, and no remaining count is guessed', async () => {
    const first = await wire.ok<List>('GET', `${MAPS}?limit=2&labelSelector=half%3D0`);
    const undo = await disturb();
    const all = await pages(first, 'limit=2&labelSelector=half%3D0');
    expect(all.flatMap(names)).toEqual(['m0', 'm2', 'm4', 'm6', 'm8']);
    expect(all.every((p) => p.metadata.remainingItemCount === undefined)).toBe(true);
    await undo();
  });

  test('kubectl reads them with --chunk-size', async () => {
    const out = await cluster().kubectlOk(['get', 'cm', '-n', 'lists', '--chunk-size=3', '-o', 'name']);
    expect(out.trim().split('\n')).toHaveLength(10);
  });

  test('a token for one namespace opens no other', async () => {
    const token = Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: 1, start: 'a/x' })).toString('base64url');
    expect(await wire.fails('GET', `${MAPS}?continue=${token}`)).toMatchObject({ code: 400, reason: 'BadRequest' });
    expect(await wire.fails('GET', `${MAPS}?continue=x`)).toMatchObject({ code: 400, reason: 'BadRequest' });
  });

  test('an expired token is answered by 410 with another that goes on with the present state', async () => {
    const first = await wire.ok<List>('GET', `${MAPS}?limit=3`);
    const undo = await disturb();
    await forgetHistory(cluster());
    const status = await wire.fails('GET', `${MAPS}?limit=3&continue=${first.metadata.continue}`);
    expect(status).toMatchObject({ code: 410, reason: 'Expired' });
    const fresh = (status.metadata as { continue?: string }).continue;
    const rest = await pages({ ...first, metadata: { ...first.metadata, continue: fresh ?? '' } }, 'limit=3');
    expect(rest.slice(1).flatMap(names)).toEqual(['m3', 'm4', 'm45', 'm5', 'm6', 'm7', 'm9']);
    expect(new Set(rest.slice(1).map((p) => p.metadata.resourceVersion)).size).toBe(1);
    await undo();
  });
});

describe('resourceVersionMatch', () => {
  test('Exact shows the past, from memory or from etcd', async () => {
    const before = await wire.ok<List>('GET', MAPS);
    const rv = before.metadata.resourceVersion;
    const undo = await disturb();
    const exact = await wire.ok<List>('GET', `${MAPS}?resourceVersion=${rv}&resourceVersionMatch=Exact`);
    expect(exact).toEqual(before);
    // A server that starts after more writes than it replays would ask etcd; a restarted one remembers less.
    await cluster().processes.apiserver1.restart();
    const server = cluster().apiservers[0] ?? '';
    const query = `resourceVersion=${rv}&resourceVersionMatch=Exact`;
    expect(await wire.ok<List>('GET', `${MAPS}?${query}`, undefined, { server })).toEqual(before);
    const chunk = await wire.ok<List>('GET', `${MAPS}?${query}&limit=4`, undefined, { server });
    expect((await pages(chunk, 'limit=4')).flatMap((p) => p.items)).toEqual(before.items);
    // "Not older" may be anything since then.
    await wire.settled();
    const newer = await wire.ok<List>('GET', `${MAPS}?resourceVersion=${rv}&resourceVersionMatch=NotOlderThan`);
    expect(names(newer)).toContain('m45');
    await undo();
  });

  test.each([
    ['resourceVersionMatch=Exact', 422, 'resourceVersionMatch is forbidden unless resourceVersion is provided'],
    ['resourceVersionMatch=Exact&resourceVersion=0', 422, 'is forbidden for resourceVersion "0"'],
    ['resourceVersionMatch=Newest&resourceVersion=5', 422, 'Unsupported value: "Newest"'],
    ['resourceVersionMatch=Exact&resourceVersion=5&continue=abc', 422, 'is forbidden when continue is provided'],
    ['sendInitialEvents=true', 422, 'sendInitialEvents is forbidden for list'],
    ['resourceVersion=abc', 400, 'strconv.ParseUint: parsing "abc"'],
    ['limit=x', 400, 'strconv.ParseInt: parsing "x"'],
    ['watch=1&resourceVersionMatch=NotOlderThan', 422, 'is forbidden for watch unless sendInitialEvents is provided'],
    ['watch=1&sendInitialEvents=true', 422, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'],
    ['watch=1&resourceVersion=abc', 422, 'resourceVersion: Invalid value: "abc"'],
  ])('%s is refused', async (query, code, words) => {
    const status = await wire.fails('GET', `${MAPS}?${query}`);
    expect(status.code).toBe(code);
    expect(status.message).toContain(words);
  });

  test('a version from the future is waited for, then named as too large', async () => {
    const status = await wire.fails('GET', `${MAPS}?resourceVersion=999999999`);
    expect(status).toMatchObject({ code: 504, reason: 'Timeout' });
    expect(status.message).toContain('Too large resource version: 999999999');
  });

  test('a streamed list marks its end only for those who take bookmarks', async () => {
    const query = 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=1';
    const collect = async (more: string): Promise<string[]> => {
      const seen: string[] = [];
      for await (const { type, object } of wire.watch(`${MAPS}?${query}${more}`)) {
        seen.push(object.metadata.annotations?.['k8s.io/initial-events-end'] ? 'END' : type);
      }
      return seen;
    };
    expect(await collect('')).toEqual(Array(10).fill('ADDED'));
    const marked = await collect('&allowWatchBookmarks=true');
    expect(marked.slice(0, 11)).toEqual([...Array(10).fill('ADDED'), 'END']);
    // All watchers get a bookmark now and then, which may be now.
    expect(marked.slice(11).every((e) => e === 'BOOKMARK')).toBe(true);
  });
});
