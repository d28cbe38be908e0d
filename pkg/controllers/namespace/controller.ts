import { builtinKinds, type Namespace, Namespaces } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { apiTime } from '#api/meta/time.ts';
import { discoveredResources } from '../discovered/resources.ts';
import { forEachLimited } from '../harness/batches.ts';
import {
  type Controller,
  type ControllerDeps,
  type Enqueue,
  type Outcome,
  ownKey,
  type Watch,
  watching,
} from '../harness/controller.ts';
import { terminationConditions } from './conditions.ts';
import { clearResource, type NamespacedResource, namespacedResources, type Remaining } from './content.ts';

const FINALIZER = 'kubernetes';
/** How soon a namespace that still holds something is looked at again; what goes wakes it earlier. */
const RETRY_MS = 1000;
const MAX_RETRY_MS = 15_000;
/** Removals in one namespace within this time lead to one look. */
const GATHER_MS = 30;
/** Resources cleared at a time. */
const PARALLEL = 8;

/** Empties namespaces that are being deleted, then lets them go. */
class NamespaceController implements Controller {
  readonly name = 'namespace';
  readonly watches: readonly Watch[];
  readonly #deps: ControllerDeps;
  readonly #namespaces;
  readonly #tries = new Map<string, number>();
  #enqueue: Enqueue = () => {};

  constructor(deps: ControllerDeps) {
    this.#deps = deps;
    this.#namespaces = deps.informers.informer(Namespaces);
    const contents = builtinKinds.filter(
      (k) =>
        k.namespaced &&
        k.plural !== 'events' &&
        (['list', 'watch', 'delete'] as const).every((v) => k.verbs.includes(v)),
    );
    discoveredResources(deps).subscribe((_kind, o, gone) => {
      for (const key of this.#onRemoval(o, gone)) this.#enqueue(key, GATHER_MS);
    });
    this.watches = [
      watching(Namespaces, (ns) => (ns.metadata.deletionTimestamp ? ownKey(ns) : [])),
      // The same informers the garbage collector reads: nothing is watched twice.
      ...contents.map((k) => watching(k, (o, _old, gone) => this.#onRemoval(o, gone), { delayMs: GATHER_MS })),
    ];
  }

  /** What leaves a namespace that is being deleted may have been the last thing in it. */
  readonly #onRemoval = (o: Stored<KubeObject>, gone: boolean): readonly string[] => {
    const { namespace } = o.metadata;
    return gone && namespace && this.#namespaces.lister.get(namespace)?.metadata.deletionTimestamp ? [namespace] : [];
  };

  /** Deletes the content. Pods go first, and the rest (network policies among it) stays until the last of them is gone. */
  async #clear(namespace: string, signal: AbortSignal) {
    const { found, failed } = await namespacedResources(this.#deps.client, signal);
    const remaining: Remaining[] = [];
    const deletionFailures: string[] = [];
    const isPods = (r: NamespacedResource): boolean => r.groupVersion === 'v1' && r.plural === 'pods';
    for (const wave of [found.filter(isPods), found.filter((r) => !isPods(r))]) {
      await forEachLimited(wave, PARALLEL, async (r) => {
        try {
          const left = await clearResource(this.#deps.client, r, namespace, signal);
          if (left) remaining.push(left);
        } catch (e) {
          if (signal.aborted) throw e;
          deletionFailures.push(`${r.plural}: ${(e as Error).message}`);
        }
      });
      if (remaining.length + deletionFailures.length > 0) break;
    }
    return {
      remaining: remaining.sort((a, b) => (a.resource < b.resource ? -1 : 1)),
      discoveryFailures: failed,
      deletionFailures,
    };
  }

  async #finalize(ns: Stored<Namespace>): Promise<void> {
    const finalizers = (ns.spec?.finalizers ?? []).filter((f) => f !== FINALIZER);
    const { name, uid } = ns.metadata;
    const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, uid }, spec: { finalizers } };
    await this.#deps.client.raw('PUT', `/api/v1/namespaces/${encodeURIComponent(name)}/finalize`, body);
  }

  async #report(
    ns: Stored<Namespace>,
    conditions: NonNullable<NonNullable<Namespace['status']>['conditions']>,
  ): Promise<void> {
    if (sameJson(conditions, ns.status?.conditions)) return;
    const body = { status: { phase: 'Terminating', conditions } };
    await this.#deps.client.patch(
      Namespaces,
      { name: ns.metadata.name, subresource: 'status' },
      { type: 'merge', body },
    );
  }

  async reconcile(name: string, signal: AbortSignal): Promise<Outcome> {
    const ns = this.#namespaces.lister.get(name);
    if (!ns?.metadata.deletionTimestamp || !(ns.spec?.finalizers ?? []).includes(FINALIZER)) {
      this.#tries.delete(name);
      return undefined;
    }
    try {
      const findings = await this.#clear(name, signal);
      const clean =
        findings.remaining.length + findings.discoveryFailures.length + findings.deletionFailures.length === 0;
      if (clean) {
        await this.#finalize(ns);
        return undefined;
      }
      await this.#report(
        ns,
        terminationConditions(ns.status?.conditions ?? [], findings, apiTime(this.#deps.clock.now())),
      );
    } catch (e) {
      if (isNotFound(e)) return undefined;
      if (!isConflict(e)) throw e;
    }
    const n = this.#tries.get(name) ?? 0;
    this.#tries.set(name, n + 1);
    return { afterMs: Math.min(RETRY_MS * 1.5 ** n, MAX_RETRY_MS) };
  }

  start(given: Enqueue): void {
    this.#enqueue = given;
  }
}

export const namespaceController = (deps: ControllerDeps): Controller => new NamespaceController(deps);
