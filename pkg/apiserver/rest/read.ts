import { errors } from '#api/meta/errors.ts';
import type { CacheEntry } from '../cache/types.ts';
import { partialObject, tableOf } from '../negotiate/table.ts';
import { objectKey, type Resource } from '../registry/resource.ts';
import type { RequestContext } from '../request/context.ts';
import { decodeContinue, encodeContinue } from './continue.ts';
import { type Selection, selectionOf } from './filters.ts';
import { type Answer, accepted, includeObjectOf, objectAnswer, textAnswer } from './respond.ts';

/** How long a read waits for the cache to reach the revision it needs, milliseconds. */
const FRESH_TIMEOUT_MS = 3000;

/** @throws StatusError 400 unless `text` is a decimal number. */
export function parseRevision(text: string): number {
  if (!/^\d{1,16}$/.test(text)) {
    throw errors.badRequest(
      `resourceVersion: Invalid value: "${text}": strconv.ParseUint: parsing "${text}": invalid syntax`,
    );
  }
  return Number(text);
}

/** Waits until the cache satisfies the request's resourceVersion: unset = most recent, 0 = any, N = not older than N. */
async function awaitFreshness(resource: Resource, version: string): Promise<void> {
  await resource.cache.ready();
  if (version === '') return resource.cache.consistent(FRESH_TIMEOUT_MS);
  const revision = parseRevision(version);
  if (revision > resource.cache.revision) await resource.cache.waitUntil(revision, FRESH_TIMEOUT_MS);
}

/** GET of one object. */
export async function getObject(ctx: RequestContext, resource: Resource): Promise<Answer> {
  await awaitFreshness(resource, ctx.query.get('resourceVersion') ?? '');
  const entry = resource.cache.get(objectKey(resource.kind, ctx.info.namespace, ctx.info.name));
  if (!entry) throw errors.notFound(resource.ref, ctx.info.name);
  return objectAnswer(ctx, resource, entry);
}

interface Page {
  readonly entries: readonly CacheEntry[];
  readonly revision: number;
  readonly more?: string;
  readonly remaining?: number;
}

function matching(resource: Resource, selection: Selection): readonly CacheEntry[] {
  const { keyPrefix, key, match } = selection;
  if (key !== undefined) {
    const one = resource.cache.get(key);
    return one && (!match || match(one.object)) ? [one] : [];
  }
  const all = resource.cache.list(keyPrefix);
  return match ? all.filter((e) => match(e.object)) : all;
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

function pageOf(resource: Resource, ctx: RequestContext): Page {
  const limit = Number(ctx.query.get('limit') ?? 0);
  if (!Number.isInteger(limit) || limit < 0) throw errors.badRequest('limit must be a non-negative integer');
  const token = ctx.query.get('continue');
  const selection = selectionOf(ctx, resource.kind);
  let entries = matching(resource, selection);
  let { revision } = resource.cache;
  if (token) {
    const from = decodeContinue(token);
    if (from.revision > revision)
      throw errors.expired('The provided continue parameter is from the future of this server.');
    entries = entries.slice(firstAfter(entries, from.after));
    // Later pages show later state; by carrying the first page's version, a watch from it replays what the client missed.
    revision = from.revision;
  }
  if (limit === 0 || entries.length <= limit) return { entries, revision };
  const page = entries.slice(0, limit);
  const more = encodeContinue({ revision, after: page.at(-1)?.key ?? '' });
  return { entries: page, revision, more, ...(selection.match ? {} : { remaining: entries.length - limit }) };
}

const COMMA = Buffer.from(',');
const LIST_END = Buffer.from(']}');

/** Concatenates cached bytes: no object is stringified for a list. */
function listBytes(resource: Resource, page: Page, meta: Record<string, unknown>): Buffer {
  const head = `{"kind":"${resource.kind.kind}List","apiVersion":"${resource.apiVersion}","metadata":${JSON.stringify(meta)},"items":[`;
  const parts: Buffer[] = [Buffer.from(head)];
  for (const e of page.entries) {
    if (parts.length > 1) parts.push(COMMA);
    parts.push(e.bytes);
  }
  parts.push(LIST_END);
  return Buffer.concat(parts);
}

/** LIST: from the watch cache, in key order. */
export async function listObjects(ctx: RequestContext, resource: Resource): Promise<Answer> {
  const version = ctx.query.get('resourceVersion') ?? '';
  const how = ctx.query.get('resourceVersionMatch') ?? '';
  if (how && how !== 'NotOlderThan' && how !== 'Exact') {
    throw errors.badRequest(
      `resourceVersionMatch: Unsupported value: "${how}": supported values: "Exact", "NotOlderThan", ""`,
    );
  }
  if (how && !version) throw errors.badRequest('resourceVersionMatch is forbidden unless resourceVersion is provided');
  await awaitFreshness(resource, version);
  const page = pageOf(resource, ctx);
  const meta = {
    resourceVersion: String(page.revision),
    ...(page.more ? { continue: page.more } : {}),
    ...(page.remaining ? { remainingItemCount: page.remaining } : {}),
  };
  const form = accepted(ctx);
  if (form.view === 'object') return textAnswer(ctx, listBytes(resource, page, meta), 200);
  const objects = page.entries.map((e) => e.object);
  const shown =
    form.view === 'table'
      ? tableOf(resource.kind, objects, {
          metaVersion: form.metaVersion,
          includeObject: includeObjectOf(ctx),
          listMeta: meta,
          now: Date.now(),
        })
      : {
          kind: 'PartialObjectMetadataList',
          apiVersion: `meta.k8s.io/${form.metaVersion}`,
          metadata: meta,
          items: objects.map((o) => partialObject(o, form.metaVersion)),
        };
  return textAnswer(ctx, Buffer.from(JSON.stringify(shown)), 200);
}
