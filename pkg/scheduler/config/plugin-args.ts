import { NodeAffinity } from '#api/kinds/core/pod/affinity.ts';
import { validateNodeAffinity } from '#api/kinds/core/pod/scheduling-validation.ts';
import { duplicate, forbidden, invalid, notSupported, required } from '#api/meta/fielderrors.ts';
import { qualifiedName } from '#api/meta/names.ts';
import { decodeObject } from '#api/schema/decode.ts';
import { UserError } from '#process/user-error.ts';
import {
  DEFAULT_ARGS,
  type DefaultConstraint,
  type FitArgs,
  type PluginArgs,
  type PreemptionArgs,
  type ResourceWeight,
  type ScoringStrategy,
  type ShapePoint,
  type SpreadArgs,
} from '../plugins/args.ts';
import { PLUGINS } from '../plugins/registry.ts';
import { type Fields, wrong } from './fields.ts';

function resourcesOf(fields: Fields | undefined, maxWeight: number): ResourceWeight[] {
  return (fields?.maps('resources') ?? []).map((r) => {
    const resource = { name: r.requiredText('name'), weight: r.count('weight', { min: 0, max: maxWeight }) || 1 };
    r.done();
    return resource;
  });
}

function shapeOf(fields: Fields | undefined, path: string): ShapePoint[] {
  const points = (fields?.maps('shape') ?? []).map((p) => {
    const point = {
      utilization: p.count('utilization', { min: 0, max: 100 }) ?? 0,
      score: p.count('score', { min: 0, max: 10 }) ?? 0,
    };
    p.done();
    return point;
  });
  fields?.done();
  const at = `${path}.requestedToCapacityRatio.shape`;
  if (points.length === 0) throw wrong(required(at, 'at least one point must be specified'));
  for (const [i, { utilization }] of points.entries()) {
    if (i === 0 || utilization > (points[i - 1]?.utilization ?? 0)) continue;
    throw wrong(
      invalid(`${at}[${i}].utilization`, utilization, 'utilization values must be sorted in increasing order'),
    );
  }
  return points;
}

function strategyOf(fields: Fields | undefined): ScoringStrategy {
  const { strategy: usual } = DEFAULT_ARGS.NodeResourcesFit;
  if (!fields) return usual;
  const types = ['LeastAllocated', 'MostAllocated', 'RequestedToCapacityRatio'] as const;
  const type = fields.choice('type', types) ?? usual.type;
  const given = resourcesOf(fields, 100);
  const resources = given.length > 0 ? given : usual.resources;
  const ratio = fields.map('requestedToCapacityRatio');
  fields.done();
  if (type !== 'RequestedToCapacityRatio') return { type, resources };
  return { type, resources, shape: shapeOf(ratio, fields.path) };
}

function fitArgs(fields: Fields): FitArgs {
  const names = fields.texts('ignoredResources');
  const groups = fields.texts('ignoredResourceGroups');
  for (const [i, name] of names.entries()) {
    const [why] = qualifiedName(name);
    if (why) throw wrong(invalid(`${fields.at('ignoredResources')}[${i}]`, name, why));
  }
  for (const [i, group] of groups.entries()) {
    const at = `${fields.at('ignoredResourceGroups')}[${i}]`;
    if (group.includes('/')) throw wrong(invalid(at, group, "resource group name can't contain '/'"));
  }
  const strategy = strategyOf(fields.map('scoringStrategy'));
  return { ignoredResources: new Set(names), ignoredGroups: new Set(groups), strategy };
}

function balancedArgs(fields: Fields): PluginArgs['NodeResourcesBalancedAllocation'] {
  const given = resourcesOf(fields, 1).map((r) => r.name);
  return given.length > 0 ? { resources: given } : DEFAULT_ARGS.NodeResourcesBalancedAllocation;
}

function constraintOf(c: Fields): DefaultConstraint {
  const topologyKey = c.requiredText('topologyKey');
  const maxSkew = c.count('maxSkew', { min: 1 });
  const whenUnsatisfiable = c.choice('whenUnsatisfiable', ['DoNotSchedule', 'ScheduleAnyway']);
  if (maxSkew === undefined) throw wrong(required(c.at('maxSkew')));
  if (!whenUnsatisfiable) throw wrong(required(c.at('whenUnsatisfiable')));
  const minDomains = c.count('minDomains', { min: 1 });
  if (minDomains !== undefined && whenUnsatisfiable !== 'DoNotSchedule') {
    const why = 'can only use minDomains if whenUnsatisfiable=DoNotSchedule';
    throw wrong(invalid(c.at('minDomains'), minDomains, why));
  }
  for (const name of ['labelSelector', 'matchLabelKeys']) {
    if (c.raw(name) === undefined) continue;
    const why = 'constraint must not define a selector, as they deduced for each pod';
    throw wrong(forbidden(c.at(name), why));
  }
  const policy = (name: string): 'Honor' | 'Ignore' | undefined => c.choice(name, ['Honor', 'Ignore']);
  const honorAffinity = policy('nodeAffinityPolicy') !== 'Ignore';
  const honorTaints = policy('nodeTaintsPolicy') === 'Honor';
  c.done();
  return { topologyKey, maxSkew, whenUnsatisfiable, minDomains, honorAffinity, honorTaints };
}

function spreadArgs(fields: Fields): SpreadArgs {
  const constraints = fields.maps('defaultConstraints').map(constraintOf);
  const type = fields.choice('defaultingType', ['System', 'List']) ?? 'System';
  if (type === 'System') {
    if (constraints.length === 0) return DEFAULT_ARGS.PodTopologySpread;
    const why = 'when .defaultConstraints are specified, must be "List"';
    throw wrong(invalid(fields.at('defaultingType'), type, why));
  }
  for (const [i, c] of constraints.entries()) {
    const same = (o: DefaultConstraint): boolean =>
      o.topologyKey === c.topologyKey && o.whenUnsatisfiable === c.whenUnsatisfiable;
    if (constraints.findIndex(same) === i) continue;
    const value = `{${c.topologyKey}, ${c.whenUnsatisfiable}}`;
    throw wrong(duplicate(`${fields.at('defaultConstraints')}[${i}].{topologyKey, whenUnsatisfiable}`, value));
  }
  return { defaultingType: 'List', constraints };
}

function addedAffinity(fields: Fields): NodeAffinity | undefined {
  const given = fields.raw('addedAffinity');
  if (given === undefined) return undefined;
  const at = fields.at('addedAffinity');
  let decoded: ReturnType<typeof decodeObject>;
  try {
    decoded = decodeObject(NodeAffinity, given);
  } catch (e) {
    throw new UserError(`${at}: ${(e as Error).message}`);
  }
  const [unknown] = decoded.unknownFields;
  if (unknown) throw new UserError(`${at}: ${unknown}`);
  const affinity = decoded.object as NodeAffinity;
  const [error] = validateNodeAffinity(at, affinity);
  if (error) throw wrong(error);
  return affinity;
}

function preemptionArgs(fields: Fields): PreemptionArgs {
  const usual = DEFAULT_ARGS.DefaultPreemption;
  const percentage = fields.count('minCandidateNodesPercentage', { min: 0, max: 100 });
  const absolute = fields.count('minCandidateNodesAbsolute', { min: 0 });
  if (percentage === 0 && absolute === 0) {
    throw new UserError(
      `${fields.at('minCandidateNodesPercentage')}: cannot be zero at the same time as minCandidateNodesAbsolute`,
    );
  }
  return {
    minCandidateNodesPercentage: percentage ?? usual.minCandidateNodesPercentage,
    minCandidateNodesAbsolute: absolute ?? usual.minCandidateNodesAbsolute,
  };
}

function affinityArgs(fields: Fields): PluginArgs['InterPodAffinity'] {
  const usual = DEFAULT_ARGS.InterPodAffinity;
  return {
    hardPodAffinityWeight: fields.count('hardPodAffinityWeight', { min: 0, max: 100 }) ?? usual.hardPodAffinityWeight,
    ignorePreferredTermsOfExistingPods:
      fields.flag('ignorePreferredTermsOfExistingPods') ?? usual.ignorePreferredTermsOfExistingPods,
  };
}

const READERS: { readonly [N in keyof PluginArgs]: (fields: Fields) => PluginArgs[N] } = {
  NodeResourcesFit: fitArgs,
  NodeResourcesBalancedAllocation: balancedArgs,
  PodTopologySpread: spreadArgs,
  InterPodAffinity: affinityArgs,
  NodeAffinity: (fields) => ({ addedAffinity: addedAffinity(fields) }),
  DefaultPreemption: preemptionArgs,
  VolumeBinding: (fields) => ({ bindTimeoutMs: (fields.count('bindTimeoutSeconds', { min: 0 }) ?? 600) * 1000 }),
};
const hasArgs = (name: string): name is keyof PluginArgs => name in READERS;

function readArgs(fields: Fields, name: keyof PluginArgs): Partial<PluginArgs> {
  fields.choice('apiVersion', ['kubescheduler.config.k8s.io/v1']);
  fields.choice('kind', [`${name}Args`]);
  const args = { [name]: READERS[name](fields) } as Partial<PluginArgs>;
  fields.done();
  return args;
}

/** The arguments of all plugins, as `pluginConfig` says. @throws UserError naming the field that is wrong */
export function withArgs(pluginConfig: readonly Fields[], ignoredResources: readonly string[]): PluginArgs {
  let args = DEFAULT_ARGS;
  const seen = new Set<string>();
  for (const entry of pluginConfig) {
    const name = entry.requiredText('name');
    const given = entry.map('args');
    entry.done();
    if (seen.has(name)) throw wrong(duplicate(entry.at('name'), name));
    seen.add(name);
    if (!PLUGINS[name]) throw wrong(notSupported(entry.at('name'), name, Object.keys(PLUGINS)));
    if (!given) continue;
    if (!hasArgs(name)) throw wrong(forbidden(entry.at('args'), `the plugin ${name} takes no arguments`));
    args = { ...args, ...readArgs(given, name) };
  }
  const { NodeResourcesFit: fit } = args;
  const ignored = new Set([...fit.ignoredResources, ...ignoredResources]);
  return { ...args, NodeResourcesFit: { ...fit, ignoredResources: ignored } };
}
