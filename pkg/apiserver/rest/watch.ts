import type { ServerResponse } from 'node:http';
import { errors } from '#api/meta/errors.ts';
import type { Clock } from '#async/clock.ts';
import type { Resource } from '../registry/resource.ts';
import type { RequestContext } from '../request/context.ts';
import { errorFrame, frameEncoder } from '../watch/frames.ts';
import { Watcher, type WatcherSet } from '../watch/watcher.ts';
import { selectionOf } from './filters.ts';
import { parseRevision } from './read.ts';
import { accepted, includeObjectOf, statusOf } from './respond.ts';

const FRESH_TIMEOUT_MS = 3000;
/** A watch without timeoutSeconds ends after 30 to 60 minutes, spread so that clients do not return all at once. */
const MIN_TIMEOUT_S = 1800;

export interface WatchDeps {
  readonly watchers: WatcherSet;
  readonly clock: Clock;
}

interface Start {
  /** Follow from here; undefined: from the state that was sent. */
  readonly from?: number;
  readonly sendState: boolean;
  readonly markEnd: boolean;
}

/** Where the watch starts: API concepts, "Semantics for watch" and "Streaming lists". */
async function startOf(ctx: RequestContext, resource: Resource): Promise<Start> {
  const version = ctx.query.get('resourceVersion') ?? '';
  const initial = ctx.query.get('sendInitialEvents');
  const match = ctx.query.get('resourceVersionMatch');
  if (initial !== null && match !== 'NotOlderThan') {
    throw errors.badRequest('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
  }
  if (initial === null && match)
    throw errors.badRequest('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided');
  await resource.cache.ready();
  if (version === '') await resource.cache.consistent(FRESH_TIMEOUT_MS);
  const revision = version === '' || version === '0' ? 0 : parseRevision(version);
  if (revision > resource.cache.revision) await resource.cache.waitUntil(revision, FRESH_TIMEOUT_MS);
  if (initial === 'true') return { sendState: true, markEnd: true };
  if (initial === 'false' && revision === 0) return { from: resource.cache.revision, sendState: false, markEnd: false };
  return revision === 0 ? { sendState: true, markEnd: false } : { from: revision, sendState: false, markEnd: false };
}

/**
 * WATCH: writes the stream to `response` and resolves when it is over. Problems found before the stream began are thrown;
 * a version that is too old is reported inside the stream, as Kubernetes does.
 */
export async function watchObjects(
  ctx: RequestContext,
  resource: Resource,
  response: ServerResponse,
  deps: WatchDeps,
): Promise<void> {
  const selection = selectionOf(ctx, resource.kind);
  const encoder = frameEncoder(resource.kind, accepted(ctx), includeObjectOf(ctx));
  const seconds = Number(ctx.query.get('timeoutSeconds') ?? 0) || MIN_TIMEOUT_S * (1 + Math.random());
  let start: Start;
  try {
    start = await startOf(ctx, resource);
  } catch (e) {
    const status = statusOf(e);
    if (status.code !== 410) throw e;
    openStream(response);
    response.end(errorFrame(status));
    return;
  }
  if (response.destroyed) return;
  openStream(response);
  const watcher = new Watcher({
    cache: resource.cache,
    encoder,
    keyPrefix: selection.keyPrefix,
    ...(selection.match ? { match: selection.match } : {}),
    bookmarks: ctx.query.get('allowWatchBookmarks') === 'true' || ctx.query.get('allowWatchBookmarks') === '1',
    response,
  });
  deps.watchers.add(watcher);
  const sent = start.sendState ? watcher.sendState(start.markEnd) : 0;
  watcher.follow(start.from ?? sent);
  const timer = deps.clock.after(seconds * 1000, () => watcher.end(), { unref: true });
  await watcher.ended;
  timer.cancel();
}

function openStream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
  response.flushHeaders();
}
