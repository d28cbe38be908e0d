import { errors } from '#api/meta/errors.ts';
import { isStorageError, type Storage } from '#storage/storage.ts';
import type { CacheEntry } from '../cache/types.ts';
import type { Resource } from '../registry/resource.ts';
import { toStatusError } from '../registry/store.ts';
import { type ContinueToken, decodeContinue, encodeContinue, expiredContinue, NOW } from './continue.ts';
import type { Selection } from './filters.ts';
import type { ListOptions } from './list-options.ts';

/** How long a read waits for the cache to reach the revision it names, which may never come, milliseconds. */
export const FRESH_TIMEOUT_MS = 3000;
/** Objects read at a time from etcd when history older than the cache's is asked for. */
const CHUNK = 500;

/** A part of a list, in key order. */
export interface Page {
  readonly entries: readonly CacheEntry[];
  readonly revision: number;
  /** Where the next page begins. */
  readonly more?: string;
  /** How many objects follow; unknown when a selector filters them. */
  readonly remaining?: number;
}

interface Wanted {
  readonly limit: number;
  /** Only keys after this one. */
  readonly after: string | undefined;
}

/** Waits until the cache satisfies a resourceVersion: unset = most recent, 0 = any, N = not older than N. */
export async function awaitFreshness(resource: Resource, revision: number | undefined): Promise<void> {
  await resource.cache.ready();
  if (revision === undefined) return resource.cache.consistent();
  if (revision > resource.cache.revision) await resource.cache.waitUntil(revision, FRESH_TIMEOUT_MS);
}

/** The page a list request asks for. Every page of a list shows the state at the revision of the first. */
export async function pageOf(
  resource: Resource,
  selection: Selection,
  options: ListOptions,
  storage: Storage,
): Promise<Page> {
  const token = options.token === undefined ? undefined : decodeContinue(options.token);
  // A token is the client's to forge: it must not reach beyond the namespace that was authorized.
  if (token && !token.after.startsWith(selection.keyPrefix)) throw errors.badRequest('continue key is not valid');
  const wanted = { limit: options.limit, after: token?.after };
  const at = token ? (token.revision === NOW ? undefined : token.revision) : options.revision;
  await awaitFreshness(resource, at);
  if (token ? token.revision === NOW : !options.exact) return presentPage(resource, selection, wanted);
  const revision = at ?? resource.cache.revision;
  const kept = resource.cache.listAt(selection.keyPrefix, revision);
  if (kept) return pageFrom(resource, kept, { selection, revision, wanted });
  return storedPage(resource, selection, storage, { ...wanted, revision, token });
}

function presentPage(resource: Resource, selection: Selection, wanted: Wanted): Page | Promise<Page> {
  const { cache } = resource;
  const { revision } = cache;
  const one = selection.key === undefined ? undefined : cache.get(selection.key);
  const all = selection.key === undefined ? cache.list(selection.keyPrefix) : one ? [one] : [];
  return pageFrom(resource, all, { selection, revision, wanted });
}

interface Cut {
  readonly selection: Selection;
  readonly revision: number;
  readonly wanted: Wanted;
}

/** A page of these entries. Objects that need preparation get it: all if a selector looks at them, else those shown. */
function pageFrom({ cache }: Resource, all: readonly CacheEntry[], c: Cut): Page | Promise<Page> {
  const { selection, revision, wanted } = c;
  const page = (): Page => cut(selected(all, selection), selection, revision, wanted);
  if (!cache.prepare) return page();
  if (selection.match) return Promise.resolve(cache.prepare(all)).then(page);
  const shown = page();
  return Promise.resolve(cache.prepare(shown.entries)).then(() => shown);
}

function selected(entries: readonly CacheEntry[], { match }: Selection): readonly CacheEntry[] {
  return match ? entries.filter((e) => match(e.object)) : entries;
}

/** Index of the first entry after `key`, by binary search. */
function firstAfter(entries: readonly CacheEntry[], key: string): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const mid = (low + high) >>> 1;
    if ((entries[mid]?.key ?? '') <= key) low = mid + 1;
    else high = mid;
  }
  return low;
}

function cut(all: readonly CacheEntry[], selection: Selection, revision: number, { limit, after }: Wanted): Page {
  const entries = after === undefined ? all : all.slice(firstAfter(all, after));
  if (limit === 0 || entries.length <= limit) return { entries, revision };
  const page = entries.slice(0, limit);
  const more = encodeContinue({ revision, after: page.at(-1)?.key ?? '' });
  return { entries: page, revision, more, ...(selection.match ? {} : { remaining: entries.length - limit }) };
}

interface Past extends Wanted {
  readonly revision: number;
  readonly token: ContinueToken | undefined;
}

/** A page of a state older than what the cache remembers, from etcd. @throws StatusError 410 when it is compacted */
async function storedPage(resource: Resource, selection: Selection, storage: Storage, past: Past): Promise<Page> {
  const { revision, limit, token } = past;
  const prefix = resource.prefix + selection.keyPrefix;
  const entries: CacheEntry[] = [];
  let after = past.after;
  try {
    for (;;) {
      const chunk = await storage.list(prefix, {
        revision,
        ...(limit > 0 ? { limit: selection.match ? Math.max(limit, CHUNK) : limit } : {}),
        ...(after === undefined ? {} : { after: resource.prefix + after }),
      });
      for (const [i, kv] of chunk.items.entries()) {
        const entry = resource.cache.decode(kv);
        if (entry) await resource.cache.prepare?.([entry]);
        after = kv.key.slice(resource.prefix.length);
        if (!entry || (selection.match && !selection.match(entry.object))) continue;
        entries.push(entry);
        const rest = chunk.items.length - i - 1 + chunk.remaining;
        if (entries.length !== limit || rest === 0) continue;
        const more = encodeContinue({ revision, after });
        return { entries, revision, more, ...(selection.match ? {} : { remaining: rest }) };
      }
      if (!chunk.more) return { entries, revision };
    }
  } catch (e) {
    if (!isStorageError(e, 'compacted')) throw toStatusError(e, resource, '');
    throw token
      ? expiredContinue(token)
      : errors.expired(`The resourceVersion for the provided list is too old: ${revision}`);
  }
}
