import type { Clock } from '#async/clock.ts';
import type { Resource } from '../registry/resource.ts';
import type { RequestContext } from '../request/context.ts';
import { Chunks } from '../watch/flusher.ts';
import { frameEncoder } from '../watch/frames.ts';
import type { Outlet } from '../watch/outlet.ts';
import { Watcher, type WatcherSet } from '../watch/watcher.ts';
import { selectionOf } from './filters.ts';
import { type WatchOptions, watchOptions } from './list-options.ts';
import { awaitFreshness } from './page.ts';
import { accepted, includeObjectOf, statusOf } from './respond.ts';

/** A watch without timeoutSeconds ends after 30 to 60 minutes, spread so that clients do not return all at once. */
const MIN_TIMEOUT_S = 1800;

export interface WatchDeps {
  readonly watchers: WatcherSet;
  readonly clock: Clock;
  /** Runs the beginning of a watch, until its first events are sent, when it is its turn. @throws StatusError 429 */
  readonly seated: <T>(work: () => Promise<T>) => Promise<T>;
}

interface Start {
  /** Follow from here; undefined: from the state that was sent. */
  readonly from?: number;
  readonly sendState: boolean;
  readonly markEnd: boolean;
}

async function startOf(o: WatchOptions, resource: Resource): Promise<Start> {
  await awaitFreshness(resource, o.revision);
  const revision = o.revision ?? 0;
  if (o.initialEvents === true) return { sendState: true, markEnd: o.bookmarks };
  if (revision > 0) return { from: revision, sendState: false, markEnd: false };
  if (o.initialEvents === false) return { from: resource.cache.revision, sendState: false, markEnd: false };
  return { sendState: true, markEnd: false };
}

/**
 * WATCH: writes the stream to `outlet` and resolves when it is over. Problems found before the stream began are thrown;
 * a version that is too old is reported inside the stream, as Kubernetes does.
 */
export async function watchObjects(
  ctx: RequestContext,
  resource: Resource,
  outlet: Outlet,
  deps: WatchDeps,
): Promise<void> {
  const options = watchOptions(ctx.query);
  const seconds = options.timeoutSeconds || MIN_TIMEOUT_S * (1 + Math.random());
  const watcher = await deps.seated(() => begun(ctx, resource, outlet, { options, watchers: deps.watchers }));
  if (!watcher) return;
  const timer = deps.clock.after(seconds * 1000, () => watcher.end(), { unref: true });
  await watcher.ended;
  timer.cancel();
}

/** Sends what a watch begins with and lets it follow. @returns undefined: it is over already */
async function begun(
  ctx: RequestContext,
  resource: Resource,
  outlet: Outlet,
  { options, watchers }: { options: WatchOptions; watchers: WatcherSet },
): Promise<Watcher | undefined> {
  const selection = selectionOf(ctx, resource.kind);
  const encoder = frameEncoder(resource.kind, accepted(ctx, resource.kind), includeObjectOf(ctx));
  let start: Start;
  try {
    start = await startOf(options, resource);
  } catch (e) {
    const status = statusOf(e);
    if (status.code !== 410) throw e;
    outlet.open(encoder.type);
    outlet.write([encoder.error(status)], new Chunks());
    outlet.end();
    return undefined;
  }
  if (outlet.gone) return undefined;
  if (start.sendState) await prepared(resource, selection.keyPrefix);
  if (outlet.gone) return undefined;
  outlet.open(encoder.type);
  if (outlet.gone) return undefined;
  const watcher = new Watcher({
    cache: resource.cache,
    encoder,
    keyPrefix: selection.keyPrefix,
    ...(selection.match ? { match: selection.match } : {}),
    bookmarks: options.bookmarks,
    outlet,
    flusher: watchers.flusher,
  });
  watchers.add(watcher);
  const sent = start.sendState ? watcher.sendState(start.markEnd) : 0;
  watcher.follow(start.from ?? sent);
  return watcher;
}

/** Objects may be added while others are waited for. */
async function prepared({ cache }: Resource, prefix: string): Promise<void> {
  if (!cache.prepare) return;
  for (;;) {
    const waiting = cache.prepare(cache.list(prefix));
    if (!waiting) return;
    await waiting;
  }
}
