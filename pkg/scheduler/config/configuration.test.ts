import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { UserError } from '#process/user-error.ts';
import { makeNode, makePod, makeState } from '../fixtures.ts';
import { SchedulingCycle } from '../framework/cycle.ts';
import { defaultPlugins } from '../plugins/index.ts';
import { defaultConfiguration, loadConfiguration, parseConfiguration } from './configuration.ts';

const head = { apiVersion: 'kubescheduler.config.k8s.io/v1', kind: 'KubeSchedulerConfiguration' };
const parse = (content: object) => parseConfiguration(stringify({ ...head, ...content }));
const withPlugins = (plugins: object) => parse({ profiles: [{ plugins }] }).profiles[0]?.plugins ?? [];
const withArgs = (name: string, args: object) => ({ profiles: [{ pluginConfig: [{ name, args }] }] });
const extender = (more: object) => ({ extenders: [{ urlPrefix: 'http://127.0.0.1/x', ...more }] });

test('without a file: one profile with the default plugins and weights', () => {
  const { profiles, backoff, extenders } = defaultConfiguration();
  expect({ backoff, extenders }).toEqual({ backoff: { initialMs: 1000, maxMs: 10_000 }, extenders: [] });
  expect(profiles).toHaveLength(1);
  const list = (plugins: readonly { name: string; weight: number }[]) => plugins.map((p) => [p.name, p.weight]).sort();
  expect(list(profiles[0]?.plugins ?? [])).toEqual(list(defaultPlugins));
  expect(profiles[0]).toMatchObject({
    schedulerName: 'default-scheduler',
    percentageOfNodesToScore: 0,
    preemption: { minCandidateNodesPercentage: 10, minCandidateNodesAbsolute: 100 },
    volumeBinding: { bindTimeoutMs: 600_000 },
  });
});

test('what a file says', () => {
  const c = parse({
    parallelism: 8,
    percentageOfNodesToScore: 30,
    podInitialBackoffSeconds: 2,
    podMaxBackoffSeconds: 20,
    leaderElection: { leaderElect: false, leaseDuration: '20s', resourceName: 'mine', resourceLock: 'leases' },
    clientConnection: { kubeconfig: '/etc/x.conf', qps: 50 },
    profiles: [{ schedulerName: 'a' }, { schedulerName: 'b', percentageOfNodesToScore: 50 }],
    ...extender({
      filterVerb: 'filter',
      prioritizeVerb: '/prioritize',
      weight: 3,
      httpTimeout: '1.5s',
      ignorable: true,
      managedResources: [{ name: 'example.org/x', ignoredByScheduler: true }],
    }),
  });
  expect(c.backoff).toEqual({ initialMs: 2000, maxMs: 20_000 });
  expect(c.leaderElection).toMatchObject({ leaderElect: false, leaseDurationMs: 20_000, resourceName: 'mine' });
  expect(c.kubeconfig).toBe('/etc/x.conf');
  expect(c.profiles.map((p) => [p.schedulerName, p.percentageOfNodesToScore])).toEqual([
    ['a', 30],
    ['b', 50],
  ]);
  expect(c.extenders).toMatchObject([
    {
      urlPrefix: 'http://127.0.0.1/x',
      filterVerb: 'filter',
      prioritizeVerb: 'prioritize',
      weight: 3,
      httpTimeoutMs: 1500,
    },
  ]);
});

describe('plugins of a profile', () => {
  const weightOf = (plugins: object, name: string) => withPlugins(plugins).find((p) => p.name === name)?.weight;
  test.each<[string, object, string, number | undefined]>([
    ['another weight', { score: { enabled: [{ name: 'ImageLocality', weight: 7 }] } }, 'ImageLocality', 7],
    ['by multiPoint', { multiPoint: { enabled: [{ name: 'ImageLocality', weight: 7 }] } }, 'ImageLocality', 7],
    [
      'the point goes before multiPoint',
      {
        multiPoint: { enabled: [{ name: 'ImageLocality', weight: 7 }] },
        score: { enabled: [{ name: 'ImageLocality', weight: 2 }] },
      },
      'ImageLocality',
      2,
    ],
    ['disabled', { score: { disabled: [{ name: 'ImageLocality' }] } }, 'ImageLocality', undefined],
    [
      'its score disabled, its filter not',
      { score: { disabled: [{ name: 'TaintToleration' }] } },
      'TaintToleration',
      0,
    ],
    [
      'all scores but one',
      { score: { disabled: [{ name: '*' }], enabled: [{ name: 'NodeAffinity' }] } },
      'NodeAffinity',
      2,
    ],
    ['everything off at once', { multiPoint: { disabled: [{ name: 'NodeAffinity' }] } }, 'NodeAffinity', undefined],
  ])('%s', (_, plugins, name, weight) => {
    expect(weightOf(plugins, name)).toBe(weight);
  });

  test('a filter that is disabled lets nodes pass', () => {
    const tainted = makeNode('a', {}, { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } });
    const place = (plugins: object) =>
      new SchedulingCycle(withPlugins(plugins)).place(makePod('p'), makeState([tainted])).node?.name;
    expect(place({})).toBeUndefined();
    expect(place({ filter: { disabled: [{ name: 'TaintToleration' }] } })).toBe('a');
  });

  test('without preemption, without binding of volumes', () => {
    const { profiles } = parse({
      profiles: [
        { plugins: { postFilter: { disabled: [{ name: '*' }] }, preBind: { disabled: [{ name: 'VolumeBinding' }] } } },
      ],
    });
    expect(profiles[0]).toMatchObject({ preemption: null, volumeBinding: null });
  });
});

describe('arguments of plugins', () => {
  const zone = (value: string) => ({ key: 'zone', operator: 'In', values: [value] });
  const required = (value: string) => ({
    requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [zone(value)] }] },
  });
  const cpu = (name: string, n: string) => makePod(name, { cpu: n });
  const nodes = [makeNode('a', { zone: '1' }), makeNode('b', { zone: '2' })];
  const placed = (config: object, pod = cpu('p', '1')) => {
    const plugins = parse(config).profiles[0]?.plugins ?? [];
    return new SchedulingCycle(plugins).place(pod, makeState(nodes, { a: [cpu('q', '2')] }));
  };
  test('MostAllocated fills nodes up', () => {
    const strategy = { scoringStrategy: { type: 'MostAllocated', resources: [{ name: 'cpu', weight: 100 }] } };
    expect(placed({}).node?.name).toBe('b');
    expect(placed(withArgs('NodeResourcesFit', { ...strategy, kind: 'NodeResourcesFitArgs' })).node?.name).toBe('a');
  });
  test('added affinity holds for every pod', () => {
    expect(placed(withArgs('NodeAffinity', { addedAffinity: required('1') })).node?.name).toBe('a');
    expect(placed(withArgs('NodeAffinity', { addedAffinity: required('3') }))).toMatchObject({
      message: "0/2 nodes are available: 2 node(s) didn't match scheduler-enforced node affinity.",
    });
  });
  test('resources that are ignored are not looked for', () => {
    const pod = makePod('p', { spec: { containers: [{ resources: { requests: { 'example.org/x': '1' } } }] } });
    expect(placed({}, pod).node).toBeNull();
    for (const args of [{ ignoredResources: ['example.org/x'] }, { ignoredResourceGroups: ['example.org'] }]) {
      expect(placed(withArgs('NodeResourcesFit', args), pod).node).not.toBeNull();
    }
    const managed = extender({ managedResources: [{ name: 'example.org/x', ignoredByScheduler: true }] });
    expect(placed(managed, pod).node).not.toBeNull();
  });
});

describe('what is wrong with a file', () => {
  const args = (name: string, given: object): [object, string] => [
    withArgs(name, given),
    'profiles[0].pluginConfig[0].args',
  ];
  test.each<[object, string]>([
    [{ apiVersion: 'v1' }, 'apiVersion: Unsupported value: "v1": supported values: "kubescheduler.config.k8s.io/v1"'],
    [{ kind: 'Pod' }, 'kind: Unsupported value: "Pod": supported values: "KubeSchedulerConfiguration"'],
    [{ profile: [] }, 'profile: unknown field'],
    [{ profiles: {} }, 'profiles: must be a list, is a map'],
    [{ profiles: ['x'] }, 'profiles[0]: must be a map, is a string'],
    [{ profiles: [{ plugins: { filters: {} } }] }, 'profiles[0].plugins.filters: unknown field'],
    [{ parallelism: 'many' }, 'parallelism: must be a number, is a string'],
    [{ percentageOfNodesToScore: 101 }, 'percentageOfNodesToScore: Invalid value: 101: must be between 0 and 100'],
    [{ podInitialBackoffSeconds: 0 }, 'podInitialBackoffSeconds: Invalid value: 0: must be at least 1'],
    [
      { podInitialBackoffSeconds: 20 },
      'podMaxBackoffSeconds: Invalid value: 10: must be greater than or equal to podInitialBackoffSeconds',
    ],
    [{ profiles: [{}, {}] }, 'profiles[1].schedulerName: Duplicate value: "default-scheduler"'],
    [
      { profiles: [{ plugins: { score: { enabled: [{ name: 'NodeName' }] } } }] },
      'profiles[0].plugins.score.enabled[0].name: Invalid value: "NodeName": the plugin does nothing at score',
    ],
    [
      { profiles: [{ plugins: { bind: { disabled: [{ name: '*' }] } } }] },
      'profiles[0].plugins.bind: a plugin is needed, all are disabled',
    ],
    [
      { leaderElection: { leaseDuration: 'soon' } },
      'leaderElection.leaseDuration: Invalid value: "soon": must be a duration such as 5s or 100ms',
    ],
    [
      extender({ prioritizeVerb: 'p' }),
      'extenders[0].weight: Invalid value: 0: must have a positive weight applied to it',
    ],
    [{ extenders: [{}] }, 'extenders[0].urlPrefix: Required value'],
    [extender({ tlsConfig: { caFile: '/nowhere' } }), 'extenders[0].tlsConfig.caFile: cannot read /nowhere (ENOENT)'],
    [withArgs('NodeName', {}), 'profiles[0].pluginConfig[0].args: Forbidden: the plugin NodeName takes no arguments'],
  ])('%j: %s', (content, message) => {
    expect(() => parse(content)).toThrow(new UserError(message));
  });

  test.each<[[object, string], string]>([
    [
      args('NodeResourcesFit', { scoringStrategy: { type: 'Best' } }),
      '.scoringStrategy.type: Unsupported value: "Best": supported values: "LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"',
    ],
    [
      args('NodeResourcesFit', { scoringStrategy: { type: 'RequestedToCapacityRatio' } }),
      '.scoringStrategy.requestedToCapacityRatio.shape: Required value: at least one point must be specified',
    ],
    [
      args('NodeResourcesFit', { scoringStrategy: { resources: [{ name: 'cpu', weight: 101 }] } }),
      '.scoringStrategy.resources[0].weight: Invalid value: 101: must be between 0 and 100',
    ],
    [
      args('InterPodAffinity', { hardPodAffinityWeight: 101 }),
      '.hardPodAffinityWeight: Invalid value: 101: must be between 0 and 100',
    ],
    [
      args('PodTopologySpread', {
        defaultConstraints: [{ topologyKey: 'z', maxSkew: 1, whenUnsatisfiable: 'ScheduleAnyway' }],
      }),
      '.defaultingType: Invalid value: "System": when .defaultConstraints are specified, must be "List"',
    ],
    [
      args('PodTopologySpread', { defaultConstraints: [{ topologyKey: 'z', maxSkew: 0 }] }),
      '.defaultConstraints[0].maxSkew: Invalid value: 0: must be at least 1',
    ],
    [
      args('NodeAffinity', {
        addedAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } },
      }),
      '.addedAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term',
    ],
    [args('NodeAffinity', { addedAffinity: { required: {} } }), '.addedAffinity: unknown field "required"'],
    [
      args('DefaultPreemption', { minCandidateNodesPercentage: 0, minCandidateNodesAbsolute: 0 }),
      '.minCandidateNodesPercentage: cannot be zero at the same time as minCandidateNodesAbsolute',
    ],
    [
      args('VolumeBinding', { kind: 'VolumeArgs' }),
      '.kind: Unsupported value: "VolumeArgs": supported values: "VolumeBindingArgs"',
    ],
  ])('%j%s', ([content, path], message) => {
    expect(() => parse(content)).toThrow(new UserError(path + message));
  });

  test('no file, no YAML, no map', () => {
    const folder = mkdtempSync(join(tmpdir(), 'scheduler-config-'));
    const file = join(folder, 'c.yaml');
    try {
      expect(() => loadConfiguration(file)).toThrow(`--config: cannot read ${file} (ENOENT)`);
      writeFileSync(file, 'a: [');
      expect(() => loadConfiguration(file)).toThrow(`--config: ${file}: it is not valid YAML`);
      writeFileSync(file, '');
      expect(() => loadConfiguration(file)).toThrow(`--config: ${file}: the file: must be a map, is empty`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
