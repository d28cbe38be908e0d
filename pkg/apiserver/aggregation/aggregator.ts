import {
  type APIService,
  type APIServiceCondition,
  APIServices,
  type EndpointSlice,
  EndpointSlices,
  LOCAL,
  Services,
} from '#api/kinds/index.ts';
import { copyJson } from '#api/meta/copy.ts';
import { sameJson } from '#api/meta/equal.ts';
import { errors, isConflict, isNotFound } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { apiTime } from '#api/meta/time.ts';
import type { Clock, Timer } from '#async/clock.ts';
import type { Logger } from '#process/logger.ts';
import { followCache } from '../cache/follow.ts';
import type { ApiResource, RemoteVersion } from '../discovery/documents.ts';
import type { OpenApiV2 } from '../openapi/merge.ts';
import type { Resource, ResourceTable } from '../registry/resource.ts';
import type { WriteHandlers } from '../rest/write.ts';
import { systemTarget } from '../system/target.ts';
import { askJson } from './ask.ts';
import { type Fault, findTarget, type ProxyClient, type RemoteTarget } from './target.ts';

export interface AggregatorDeps {
  readonly resources: ResourceTable;
  readonly writes: WriteHandlers;
  readonly client: ProxyClient;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A group and version that another server answers for. */
interface Remote {
  api: Stored<APIService>;
  /** What it serves, as it said last. */
  resources: readonly ApiResource[];
  /** Whether it said so at the last look. */
  fresh: boolean;
  /** ETag-like mark of its OpenAPI document; undefined: it has none. */
  openApi: string | undefined;
  openApiV2: OpenApiV2 | undefined;
  failures: number;
  timer: Timer | undefined;
  looking: boolean;
  again: boolean;
}

type Condition = APIServiceCondition;

const LOOK_EVERY_MS = 30_000;
const FIRST_RETRY_MS = 500;
/** Changes of a service come in bursts. */
const GATHER_MS = 20;
/** Groups without which nothing could be put right again: never handed to another server. */
const OURS: readonly string[] = ['', 'apiregistration.k8s.io'];

const availableOf = (api: APIService): Condition | undefined =>
  api.status?.conditions?.find((c) => c.type === 'Available');

/** The conditions with this one; its time changes with its status only. */
function withAvailable(conditions: readonly Condition[], next: Omit<Condition, 'type'>, now: string): Condition[] {
  const old = conditions.find((c) => c.type === 'Available');
  const lastTransitionTime = old?.status === next.status ? old.lastTransitionTime : now;
  const whole = { type: 'Available', ...next, lastTransitionTime } as Condition;
  return [...conditions.filter((c) => c !== old), whole];
}

/**
 * Knows which groups and versions other servers answer for, and keeps the Available condition of their APIServices: by
 * looking at the Service and its endpoints whenever they change, and by asking for the discovery document every 30 s.
 * What that document says is what discovery shows. Every server runs it.
 */
export class Aggregator {
  readonly #deps: AggregatorDeps;
  readonly #remotes = new Map<string, Remote>();
  #signal: AbortSignal | undefined;

  constructor(deps: AggregatorDeps) {
    this.#deps = deps;
  }

  /** Follows APIServices and what they name until the signal aborts. Call when the caches are loaded. */
  start(signal: AbortSignal): void {
    const { resources, clock } = this.#deps;
    this.#signal = signal;
    const both = { clock, signal };
    followCache(
      this.#table.cache,
      { changed: (o) => this.#changed(o as Stored<APIService>), removed: (name) => this.#forget(name) },
      both,
    );
    followCache(
      resources.of(Services).cache,
      {
        changed: (o) => this.#touched(o.metadata.namespace, o.metadata.name),
        removed: (key) => this.#touched(...(key.split('/') as [string, string])),
      },
      both,
    );
    const slice = (o: EndpointSlice): void =>
      this.#touched(o.metadata?.namespace, o.metadata?.labels?.['kubernetes.io/service-name']);
    followCache(
      resources.of(EndpointSlices).cache,
      {
        changed: (o) => slice(o as EndpointSlice),
        // Its labels are gone with it: all services of the namespace may be meant.
        removed: (key) => this.#touched(key.split('/')[0], undefined),
      },
      both,
    );
  }

  get #table(): Resource {
    return this.#deps.resources.of(APIServices) as unknown as Resource;
  }

  #changed(api: Stored<APIService>): void {
    const { name } = api.metadata;
    const { service, group = '' } = api.spec ?? {};
    const known = this.#remotes.get(name);
    if (!service || OURS.includes(group)) {
      this.#forget(name);
      if (!service) this.#beLocal(api);
      return;
    }
    if (known) {
      const same = sameJson(known.api.spec, api.spec);
      known.api = api;
      if (!same) this.#wake(known);
      return;
    }
    const nothing = { resources: [], fresh: false, openApi: undefined, openApiV2: undefined, failures: 0 };
    const remote: Remote = { api, ...nothing, timer: undefined, looking: false, again: false };
    this.#remotes.set(name, remote);
    this.#wake(remote);
  }

  #forget(name: string): void {
    this.#remotes.get(name)?.timer?.cancel();
    this.#remotes.delete(name);
  }

  /** One that named a service before still says what was true then. */
  #beLocal(api: Stored<APIService>): void {
    if (availableOf(api)?.reason === LOCAL.reason) return;
    const { type: _t, ...condition } = LOCAL;
    this.#report(api, condition).catch((err: unknown) => this.#deps.logger.debug({ err }, 'will be said again'));
  }

  #touched(namespace: string | undefined, service: string | undefined): void {
    for (const r of this.#remotes.values()) {
      const s = r.api.spec?.service;
      if (s?.namespace === namespace && (service === undefined || s?.name === service)) this.#wake(r);
    }
  }

  #wake(r: Remote): void {
    if (r.looking) {
      r.again = true;
      return;
    }
    this.#lookIn(r, GATHER_MS);
  }

  #lookIn(r: Remote, ms: number): void {
    r.timer?.cancel();
    if (this.#signal?.aborted) return;
    r.timer = this.#deps.clock.after(ms, () => void this.#look(r), { unref: true });
  }

  async #look(r: Remote): Promise<void> {
    const { logger } = this.#deps;
    const { name } = r.api.metadata;
    r.looking = true;
    r.again = false;
    try {
      const fault = await this.#judge(r);
      if (this.#remotes.get(name) !== r || this.#signal?.aborted) return;
      r.failures = fault ? r.failures + 1 : 0;
      const passed = { status: 'True', reason: 'Passed', message: 'all checks passed' } as const;
      await this.#report(r.api, fault ? { status: 'False', ...fault } : passed);
    } catch (err) {
      r.failures++;
      if (!isNotFound(err) && !isConflict(err)) logger.warn({ err, apiservice: name }, 'will be looked at again');
    } finally {
      r.looking = false;
      const pause = r.failures === 0 ? LOOK_EVERY_MS : Math.min(FIRST_RETRY_MS * 2 ** r.failures, LOOK_EVERY_MS);
      if (this.#remotes.get(name) === r) this.#lookIn(r, r.again ? GATHER_MS : pause);
    }
  }

  /** @returns what is wrong */
  async #judge(r: Remote): Promise<Fault | undefined> {
    const { resources, client, clock } = this.#deps;
    const { group = '', version = '' } = r.api.spec ?? {};
    const target = findTarget(resources, r.api, client);
    // Until there is an answer, what was true at the last look is.
    if ('reason' in target) {
      r.fresh = false;
      return target;
    }
    try {
      const list = await askJson<{ resources?: readonly ApiResource[] }>(target, `/apis/${group}/${version}`, clock);
      r.resources = list.resources ?? [];
    } catch (e) {
      r.fresh = false;
      return { reason: 'FailedDiscoveryCheck', message: (e as Error).message };
    }
    r.fresh = true;
    const mark = await this.#openApiOf(target, `apis/${group}/${version}`);
    // Without a mark there is no knowing whether it has changed.
    if (!r.openApiV2 || !mark || mark !== r.openApi) {
      const v2 = await askJson<OpenApiV2>(target, '/openapi/v2', clock).catch(() => undefined);
      if (!sameJson(v2, r.openApiV2)) r.openApiV2 = v2;
    }
    r.openApi = mark;
    return undefined;
  }

  /** Its mark of the document of a version, from its index. */
  async #openApiOf(target: RemoteTarget, path: string): Promise<string | undefined> {
    try {
      const index = await askJson<{ paths?: Record<string, { serverRelativeURL?: string }> }>(
        target,
        '/openapi/v3',
        this.#deps.clock,
      );
      const url = index.paths?.[path]?.serverRelativeURL;
      return url === undefined ? undefined : (new URL(url, 'https://x').searchParams.get('hash') ?? '');
    } catch {
      return undefined;
    }
  }

  async #report(api: Stored<APIService>, condition: Omit<Condition, 'type'>): Promise<void> {
    const { clock, writes } = this.#deps;
    const { name } = api.metadata;
    const target = systemTarget(this.#table, name, '', 'status');
    const now = apiTime(clock.now());
    // Also if it seems to be said already: another server, or this one, may have said otherwise since.
    await writes.change(target, (current) => {
      const conditions = (current as APIService).status?.conditions ?? [];
      return {
        ...copyJson(current),
        status: { conditions: withAvailable(conditions, condition, now) },
      } as KubeObject;
    });
  }

  /** Whether another server answers for a group and version: the name of its APIService. */
  find(group: string, version: string): string | undefined {
    if (this.#remotes.size === 0) return undefined;
    const name = `${version}.${group}`;
    return this.#remotes.has(name) ? name : undefined;
  }

  /** Where requests for an APIService go. @throws StatusError 503 while it is not available */
  target(name: string): RemoteTarget {
    const r = this.#remotes.get(name);
    const condition = r && availableOf(r.api);
    if (r && condition?.status === 'True') {
      const found = findTarget(this.#deps.resources, r.api, this.#deps.client);
      if (!('reason' in found)) return found;
    }
    const why = condition?.message ? ` (${name}: ${condition.reason}: ${condition.message})` : '';
    throw errors.unavailable(`the server is currently unable to handle the request${why}`);
  }

  /** What other servers answer for, for discovery and OpenAPI. */
  all(): RemoteVersion[] {
    return [...this.#remotes.values()].map(({ api, resources, fresh, openApi, openApiV2 }) => {
      const {
        group = '',
        version = '',
        groupPriorityMinimum,
        versionPriority,
      } = api.spec as NonNullable<typeof api.spec>;
      const said = { ...(openApi === undefined ? {} : { openApi }), ...(openApiV2 ? { openApiV2 } : {}) };
      return { group, version, groupPriorityMinimum, versionPriority, resources, fresh, ...said };
    });
  }
}
