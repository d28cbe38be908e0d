import { MANDATORY_FLOWS as FLOWS, MANDATORY_LEVELS as LEVELS } from '#api/kinds/flowcontrol/mandatory.ts';
import type { FlowSchema, FlowSubject, PolicyRulesWithSubjects, PriorityLevelConfiguration } from '#api/kinds/index.ts';

/** The objects every cluster has, as "API Priority and Fairness" lists them. */

type Rules = Omit<PolicyRulesWithSubjects, 'subjects'>;

const group = (name: string): FlowSubject => ({ kind: 'Group', group: { name } });
const user = (name: string): FlowSubject => ({ kind: 'User', user: { name } });
const account = (name: string): FlowSubject => ({
  kind: 'ServiceAccount',
  serviceAccount: { namespace: 'kube-system', name },
});
const ANYBODY = [group('system:unauthenticated'), group('system:authenticated')];
const MANAGER = user('system:kube-controller-manager');
const SCHEDULER = user('system:kube-scheduler');

const RESOURCES = { verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] };
const EVERYTHING: Rules = {
  resourceRules: [RESOURCES],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
};
const resources = (verbs: string[], apiGroup: string, names: string[], namespaces: string[]) => ({
  verbs,
  apiGroups: [apiGroup],
  resources: names,
  namespaces,
});
const ELECTION = ['get', 'create', 'update'];
const leases = (namespace: string) => resources(ELECTION, 'coordination.k8s.io', ['leases'], [namespace]);

interface Flow {
  readonly name: string;
  readonly level: string;
  readonly precedence: number;
  readonly by?: 'ByUser' | 'ByNamespace';
  readonly subjects: FlowSubject[];
  readonly rules?: Rules;
}

const flow = ({ name, level, precedence, by, subjects, rules = EVERYTHING }: Flow): FlowSchema => ({
  metadata: { name },
  spec: {
    priorityLevelConfiguration: { name: level },
    matchingPrecedence: precedence,
    ...(by ? { distinguisherMethod: { type: by } } : {}),
    rules: [{ subjects, ...rules }],
  },
});

interface Share {
  readonly shares: number;
  readonly lendable: number;
  /** Queues and the size of a hand; none: requests too many are turned away. */
  readonly queues?: readonly [number, number];
}

const QUEUE_LENGTH = 50;

const level = (name: string, { shares, lendable, queues }: Share): PriorityLevelConfiguration => ({
  metadata: { name },
  spec: {
    type: 'Limited',
    limited: {
      nominalConcurrencyShares: shares,
      lendablePercent: lendable,
      limitResponse: queues
        ? { type: 'Queue', queuing: { queues: queues[0], handSize: queues[1], queueLengthLimit: QUEUE_LENGTH } }
        : { type: 'Reject' },
    },
  },
});

const named = <T>(specs: Readonly<Record<string, T>>) =>
  Object.entries(specs).map(([name, spec]) => ({ metadata: { name }, spec }));

export const MANDATORY_LEVELS: readonly PriorityLevelConfiguration[] = named(LEVELS);

export const MANDATORY_FLOWS: readonly FlowSchema[] = named(FLOWS);

/** Kept up to date unless somebody has made one of them his own. */
export const SUGGESTED_LEVELS: readonly PriorityLevelConfiguration[] = [
  level('system', { shares: 30, lendable: 33, queues: [64, 6] }),
  level('node-high', { shares: 40, lendable: 25, queues: [64, 6] }),
  level('leader-election', { shares: 10, lendable: 0, queues: [16, 4] }),
  level('workload-high', { shares: 40, lendable: 50, queues: [128, 6] }),
  level('workload-low', { shares: 100, lendable: 90, queues: [128, 6] }),
  level('global-default', { shares: 20, lendable: 50, queues: [128, 6] }),
];

const ofNodes: Rules = {
  resourceRules: [
    { ...resources(['*'], '', ['nodes', 'nodes/status'], ['*']), clusterScope: true },
    resources(['*'], 'coordination.k8s.io', ['leases'], ['*']),
  ],
};
const PROBED = ['/healthz', '/readyz', '/livez'];
const byUser = { by: 'ByUser' } as const;
const byNamespace = { by: 'ByNamespace' } as const;

export const SUGGESTED_FLOWS: readonly FlowSchema[] = [
  flow({
    name: 'probes',
    level: 'exempt',
    precedence: 2,
    subjects: ANYBODY,
    rules: { nonResourceRules: [{ verbs: ['get'], nonResourceURLs: PROBED }] },
  }),
  flow({
    name: 'system-leader-election',
    level: 'leader-election',
    precedence: 100,
    ...byUser,
    subjects: [MANAGER, SCHEDULER],
    rules: { resourceRules: [leases('kube-system')] },
  }),
  flow({
    name: 'endpoint-controller',
    level: 'workload-high',
    precedence: 150,
    ...byUser,
    subjects: [MANAGER, account('endpoint-controller'), account('endpointslicemirroring-controller')],
    rules: { resourceRules: [resources(ELECTION, '', ['endpoints'], ['*'])] },
  }),
  flow({
    name: 'workload-leader-election',
    level: 'leader-election',
    precedence: 200,
    ...byUser,
    subjects: [account('*')],
    rules: { resourceRules: [leases('*')] },
  }),
  flow({
    name: 'system-node-high',
    level: 'node-high',
    precedence: 400,
    ...byUser,
    subjects: [group('system:nodes')],
    rules: ofNodes,
  }),
  flow({ name: 'system-nodes', level: 'system', precedence: 500, ...byUser, subjects: [group('system:nodes')] }),
  flow({
    name: 'kube-controller-manager',
    level: 'workload-high',
    precedence: 800,
    ...byNamespace,
    subjects: [MANAGER],
  }),
  flow({ name: 'kube-scheduler', level: 'workload-high', precedence: 800, ...byNamespace, subjects: [SCHEDULER] }),
  flow({
    name: 'kube-system-service-accounts',
    level: 'workload-high',
    precedence: 900,
    ...byNamespace,
    subjects: [account('*')],
  }),
  flow({
    name: 'service-accounts',
    level: 'workload-low',
    precedence: 9000,
    ...byUser,
    subjects: [group('system:serviceaccounts')],
  }),
  flow({ name: 'global-default', level: 'global-default', precedence: 9900, ...byUser, subjects: ANYBODY }),
];
