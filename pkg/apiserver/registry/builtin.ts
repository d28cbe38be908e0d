import { apiVersionOf, type Kind } from '#api/kind.ts';
import { builtinKinds, furtherVersions, measuredKinds, NodeMetricses } from '#api/kinds/index.ts';
import type { RegistryCache } from '../cache/registry-cache.ts';
import { AgentStats, type AgentStatsDeps } from '../nodemetrics/agents.ts';
import { liveNodeMetrics, livePodMetrics } from '../nodemetrics/objects.ts';
import { encodingOf } from './encoding.ts';
import { makeResource, makeView, type Resource, type ResourceTable } from './resource.ts';

function cached(kind: Kind, cache: RegistryCache): Resource {
  const { group, plural } = kind;
  const encoding = encodingOf(kind);
  const held = cache.resource({ group, plural, apiVersion: apiVersionOf(kind), kind: kind.kind, encoding });
  return makeResource(kind, held, encoding);
}

/** Serves every built-in kind, in each of its versions. */
export function serveKinds(resources: ResourceTable, cache: RegistryCache): void {
  for (const kind of builtinKinds) resources.add(cached(kind, cache));
  for (const kind of furtherVersions) {
    if (kind.storedAs) resources.add(makeView(kind, kind.storedAs, resources.of(kind.storedAs.kind) as Resource));
  }
}

/** Serves the resource metrics API: what the agents measure. Nothing of it is stored. */
export function serveMeasured(cache: RegistryCache, deps: AgentStatsDeps): void {
  const { resources } = deps;
  const agents = new AgentStats(deps);
  for (const kind of measuredKinds) {
    const live = kind.plural === NodeMetricses.plural ? liveNodeMetrics : livePodMetrics;
    resources.add({ ...cached(kind, cache), live: live(resources, agents) });
  }
}
