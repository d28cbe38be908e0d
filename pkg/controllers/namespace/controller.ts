import { type Namespace, Namespaces, Pods } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { type Controller, type ControllerDeps, type Outcome, ownKey, watching } from '../harness/controller.ts';
import { apiTime } from '../harness/time.ts';
import { terminationConditions } from './conditions.ts';
import { clearResource, namespacedResources, type Remaining } from './content.ts';

const FINALIZER = 'kubernetes';
/** How soon a namespace that still holds something is looked at again; the last pod that goes wakes it earlier. */
const RETRY_MS = 1000;
const MAX_RETRY_MS = 15_000;

/** Empties namespaces that are being deleted, then lets them go. */
export function namespaceController(deps: ControllerDeps): Controller {
  const namespaces = deps.informers.informer(Namespaces);
  const pods = deps.informers.informer(Pods);
  const tries = new Map<string, number>();

  async function clear(namespace: string, signal: AbortSignal) {
    const { found, failed } = await namespacedResources(deps.client, signal);
    const remaining: Remaining[] = [];
    const deletionFailures: string[] = [];
    // What makes pods goes first, so that nothing is created while the rest is deleted.
    const last = (plural: string): boolean => plural === 'pods' || plural === 'events';
    for (const wave of [found.filter((r) => !last(r.plural)), found.filter((r) => last(r.plural))]) {
      await Promise.all(
        wave.map(async (r) => {
          try {
            const left = await clearResource(deps.client, r, namespace, signal);
            if (left) remaining.push(left);
          } catch (e) {
            if (signal.aborted) throw e;
            deletionFailures.push(`${r.plural}: ${(e as Error).message}`);
          }
        }),
      );
    }
    return {
      remaining: remaining.sort((a, b) => (a.resource < b.resource ? -1 : 1)),
      discoveryFailures: failed,
      deletionFailures,
    };
  }

  async function finalize(ns: Stored<Namespace>): Promise<void> {
    const finalizers = (ns.spec?.finalizers ?? []).filter((f) => f !== FINALIZER);
    const { name, uid } = ns.metadata;
    const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, uid }, spec: { finalizers } };
    await deps.client.raw('PUT', `/api/v1/namespaces/${encodeURIComponent(name)}/finalize`, body);
  }

  async function report(
    ns: Stored<Namespace>,
    conditions: NonNullable<NonNullable<Namespace['status']>['conditions']>,
  ): Promise<void> {
    if (sameJson(conditions, ns.status?.conditions)) return;
    const body = { status: { phase: 'Terminating', conditions } };
    await deps.client.patch(Namespaces, { name: ns.metadata.name, subresource: 'status' }, { type: 'merge', body });
  }

  async function reconcile(name: string, signal: AbortSignal): Promise<Outcome> {
    const ns = namespaces.lister.get(name);
    if (!ns?.metadata.deletionTimestamp || !(ns.spec?.finalizers ?? []).includes(FINALIZER)) {
      tries.delete(name);
      return undefined;
    }
    try {
      const findings = await clear(name, signal);
      const clean =
        findings.remaining.length + findings.discoveryFailures.length + findings.deletionFailures.length === 0;
      if (clean) {
        await finalize(ns);
        return undefined;
      }
      await report(ns, terminationConditions(ns.status?.conditions ?? [], findings, apiTime(deps.clock.now())));
    } catch (e) {
      if (isNotFound(e)) return undefined;
      if (!isConflict(e)) throw e;
    }
    const n = tries.get(name) ?? 0;
    tries.set(name, n + 1);
    return { afterMs: Math.min(RETRY_MS * 1.5 ** n, MAX_RETRY_MS) };
  }

  const isTerminating = (name: string | undefined): boolean =>
    name !== undefined && namespaces.lister.get(name)?.metadata.deletionTimestamp !== undefined;

  return {
    name: 'namespace',
    watches: [
      watching(Namespaces, (ns) => (ns.metadata.deletionTimestamp ? ownKey(ns) : [])),
      // Pods take the longest: when the last one goes, the namespace can.
      watching(Pods, (p, _old, gone) => {
        if (!gone || !isTerminating(p.metadata.namespace)) return [];
        for (const _left of pods.lister.list(p.metadata.namespace)) return [];
        return [p.metadata.namespace ?? ''];
      }),
    ],
    reconcile,
  };
}
