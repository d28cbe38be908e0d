import { type DiscoveredKind, metadataKind } from '#api/custom/metadata-kind.ts';
import { apiVersionOf, type Kind, type Verb } from '#api/kind.ts';
import {
  type APIService,
  APIServices,
  builtinKinds,
  type CustomResourceDefinition,
  CustomResourceDefinitions,
} from '#api/kinds/index.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { ControllerDeps } from '../harness/controller.ts';

/** A change of an object of a discovered kind; `gone`: it was deleted, or its kind was. */
export type DiscoveredHandler = (kind: Kind, o: Stored<KubeObject>, gone: boolean) => void;

/** Objects of the kinds that are not built in, by their metadata. */
export interface DiscoveredResources {
  /** The kinds that are there now. */
  kinds(): readonly Kind[];
  /** Before the informers start. Called synchronously, in the order of events of a kind. */
  subscribe(handler: DiscoveredHandler): void;
  /** Calls `handler` when a kind has become known. */
  onKind(handler: () => void): void;
}

interface Followed {
  readonly kind: Kind;
  /** Since when its definition is missing, epoch milliseconds. */
  missingSince: number | undefined;
}

type Deps = Pick<ControllerDeps, 'client' | 'informers' | 'clock' | 'log'>;

const NEEDED: readonly Verb[] = ['list', 'watch', 'delete'];
const GATHER_MS = 50;
/** The last events of a kind may come after the news that its definition is gone. */
const LINGER_MS = 3000;
const RETRY_MS = 5000;
const METADATA = { metadataOnly: true };

const isTrue = (conditions: readonly { type: string; status: string }[] | undefined, type: string): boolean =>
  conditions?.some((c) => c.type === type && c.status === 'True') ?? false;

const pathOf = (k: { group: string; plural: string }): string => `${k.group}/${k.plural}`;
const BUILTIN = new Set(builtinKinds.map(pathOf));

/** In the version objects are stored in, if it is served: no conversion is needed then. */
function definedKind({ spec, status }: CustomResourceDefinition): DiscoveredKind | undefined {
  const served = spec?.versions?.filter((v) => v.served) ?? [];
  const version = served.find((v) => v.storage) ?? served[0];
  const names = status?.acceptedNames;
  if (!spec || !version || !names || !isTrue(status?.conditions, 'Established')) return undefined;
  const { plural, kind } = names;
  return { group: spec.group, version: version.name, kind, plural, namespaced: spec.scope === 'Namespaced' };
}

const instances = new WeakMap<object, DiscoveredResources>();

/**
 * Follows CustomResourceDefinitions and available APIServices of other servers, and keeps a metadata-only informer for
 * each of their resources that can be listed, watched and deleted. One for all controllers that share informers.
 */
export function discoveredResources(deps: Deps): DiscoveredResources {
  const known = instances.get(deps.informers);
  if (known) return known;
  const made = new Follower(deps);
  instances.set(deps.informers, made);
  return made;
}

class Follower implements DiscoveredResources {
  readonly #deps: Deps;
  readonly #followed = new Map<string, Followed>();
  readonly #handlers: DiscoveredHandler[] = [];
  readonly #kindHandlers: (() => void)[] = [];
  /** What each APIService said it serves, kept while it does not answer. */
  readonly #remote = new Map<string, readonly DiscoveredKind[]>();
  #scheduled = false;
  #busy = false;
  #again = false;

  constructor(deps: Deps) {
    this.#deps = deps;
    const soon = (): void => this.#schedule(GATHER_MS);
    const all = { onAdd: soon, onUpdate: soon, onDelete: soon };
    deps.informers.informer(CustomResourceDefinitions).addHandlers(all);
    deps.informers.informer(APIServices).addHandlers(all);
  }

  kinds(): readonly Kind[] {
    return [...this.#followed.values()].map((f) => f.kind);
  }

  subscribe(handler: DiscoveredHandler): void {
    this.#handlers.push(handler);
  }

  onKind(handler: () => void): void {
    this.#kindHandlers.push(handler);
  }

  #schedule(ms: number): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const run = (): void => {
      this.#scheduled = false;
      if (this.#busy) this.#again = true;
      else void this.#run();
    };
    this.#deps.clock.after(ms, run, { unref: true });
  }

  async #run(): Promise<void> {
    this.#busy = true;
    this.#again = false;
    try {
      const { wanted, complete } = await this.#wanted();
      const waiting = this.#settle(wanted);
      if (!complete) this.#schedule(RETRY_MS);
      else if (waiting) this.#schedule(LINGER_MS);
    } catch (err) {
      this.#deps.log.warn({ err }, 'what other kinds there are is looked at again');
      this.#schedule(RETRY_MS);
    } finally {
      this.#busy = false;
      if (this.#again) this.#schedule(GATHER_MS);
    }
  }

  async #wanted(): Promise<{ wanted: Map<string, DiscoveredKind>; complete: boolean }> {
    const { informers } = this.#deps;
    const wanted = new Map<string, DiscoveredKind>();
    for (const crd of informers.informer(CustomResourceDefinitions).lister.list()) {
      const kind = definedKind(crd);
      if (kind) wanted.set(pathOf(kind), kind);
    }
    const services = [...informers.informer(APIServices).lister.list()].filter((a) => a.spec?.service);
    const names = new Set(services.map((a) => a.metadata.name));
    for (const name of this.#remote.keys()) if (!names.has(name)) this.#remote.delete(name);
    const answers = await Promise.all(services.map((a) => this.#ask(a)));
    for (const kinds of this.#remote.values()) {
      for (const kind of kinds) if (!BUILTIN.has(pathOf(kind))) wanted.set(pathOf(kind), kind);
    }
    return { wanted, complete: answers.every(Boolean) };
  }

  /** Asks who serves a version what it serves. @returns false when it should be asked again */
  async #ask(api: Stored<APIService>): Promise<boolean> {
    // A change of its condition brings us here again.
    if (!isTrue(api.status?.conditions, 'Available')) return true;
    const { group = '', version = '' } = api.spec ?? {};
    interface Listed {
      resources?: { name: string; kind: string; namespaced: boolean; verbs: Verb[] }[];
    }
    try {
      const { resources = [] } = await this.#deps.client.raw<Listed>('GET', `/apis/${group}/${version}`);
      const usable = resources.filter((r) => !r.name.includes('/') && NEEDED.every((v) => r.verbs.includes(v)));
      const kinds = usable.map(({ name, ...r }) => ({ ...r, group, version, plural: name }));
      this.#remote.set(api.metadata.name, kinds);
      return true;
    } catch (err) {
      this.#deps.log.debug({ err, apiservice: api.metadata.name }, 'does not say what it serves');
      return false;
    }
  }

  /** @returns whether kinds linger that are to be forgotten */
  #settle(wanted: ReadonlyMap<string, DiscoveredKind>): boolean {
    const now = this.#deps.clock.now();
    let lingering = false;
    for (const [path, f] of this.#followed) {
      const next = wanted.get(path);
      if (next && sameKind(next, f.kind)) {
        f.missingSince = undefined;
        continue;
      }
      f.missingSince ??= now;
      if (next || now - f.missingSince >= LINGER_MS) this.#stop(path, f.kind, next === undefined);
      else lingering = true;
    }
    for (const [path, kind] of wanted) if (!this.#followed.has(path)) this.#follow(path, metadataKind(kind));
    return lingering;
  }

  #follow(path: string, kind: Kind): void {
    const { informers, log } = this.#deps;
    log.info({ kind: kind.kind, apiVersion: apiVersionOf(kind) }, 'following a kind that is not built in');
    this.#followed.set(path, { kind, missingSince: undefined });
    const tell = (gone: boolean) => (o: Stored<KubeObject>) => {
      for (const h of this.#handlers) h(kind, o, gone);
    };
    const [changed, removed] = [tell(false), tell(true)];
    informers
      .informer(kind, METADATA)
      .addHandlers({ onAdd: changed, onUpdate: (_old, o) => changed(o), onDelete: removed });
    informers.start();
    for (const h of this.#kindHandlers) h();
  }

  /** @param over the kind is gone, and so are its objects */
  #stop(path: string, kind: Kind, over: boolean): void {
    const left = [...this.#deps.informers.informer(kind, METADATA).lister.list()];
    this.#deps.informers.stop(kind, METADATA);
    this.#followed.delete(path);
    if (over) for (const o of left) for (const h of this.#handlers) h(kind, o, true);
  }
}

const sameKind = (a: DiscoveredKind, b: DiscoveredKind): boolean =>
  a.version === b.version && a.kind === b.kind && a.namespaced === b.namespaced;
