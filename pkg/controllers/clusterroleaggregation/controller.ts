import { type ClusterRole, ClusterRoles, type PolicyRule } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import { compileLabelSelector } from '#api/meta/labels.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { type Controller, type ControllerDeps, type Outcome, watching } from '../harness/controller.ts';

const selectorsOf = (role: ClusterRole) =>
  (role.aggregationRule?.clusterRoleSelectors ?? []).map((s) => compileLabelSelector(s));

/** Pure: the rules of all roles that an aggregated one selects, each once, in the order of selectors and names. */
export function gatheredRules(role: Stored<ClusterRole>, all: Iterable<Stored<ClusterRole>>): PolicyRule[] {
  const byName = [...all].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const rules: PolicyRule[] = [];
  for (const selector of selectorsOf(role)) {
    for (const other of byName) {
      if (other.metadata.name === role.metadata.name || !selector.matches(other.metadata.labels ?? {})) continue;
      for (const rule of other.rules ?? []) if (!rules.some((r) => sameJson(r, rule))) rules.push(rule);
    }
  }
  return rules;
}

/** Fills ClusterRoles with the rules of those they select ("Using RBAC Authorization", Aggregated ClusterRoles). */
export function clusterRoleAggregation(deps: ControllerDeps): Controller {
  const roles = deps.informers.informer(ClusterRoles);

  async function reconcile(name: string): Promise<Outcome> {
    const role = roles.lister.get(name);
    if (!role?.aggregationRule) return undefined;
    const rules = gatheredRules(role, roles.lister.list());
    if (sameJson(rules, role.rules ?? [])) return undefined;
    const { resourceVersion } = role.metadata;
    try {
      await deps.client.patch(
        ClusterRoles,
        { name },
        { type: 'merge', body: { metadata: { resourceVersion }, rules } },
      );
    } catch (e) {
      // A newer version of it is on its way to the cache, and brings the key again.
      if (!isNotFound(e) && !isConflict(e)) throw e;
    }
    return undefined;
  }

  return {
    name: 'clusterrole-aggregation',
    watches: [
      watching(ClusterRoles, (changed, old) =>
        [...roles.lister.list()]
          .filter((r) => {
            if (!r.aggregationRule) return false;
            if (r.metadata.name === changed.metadata.name) return true;
            const labels = [changed.metadata.labels ?? {}, old?.metadata.labels ?? {}];
            return selectorsOf(r).some((s) => labels.some((l) => s.matches(l)));
          })
          .map((r) => r.metadata.name),
      ),
    ],
    reconcile,
  };
}
