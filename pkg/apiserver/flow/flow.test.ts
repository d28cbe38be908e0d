import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FlowSchema, PriorityLevelConfiguration } from '#api/kinds/index.ts';
import { FakeClock } from '#async/fake-clock.ts';
import { parseRequestInfo } from '../request/info.ts';
import { FlowControl } from './control.ts';
import { type LevelLimits, PriorityLevel } from './level.ts';
import { danglingCondition } from './maintain.ts';
import { handOf } from './queues.ts';

const queuing = { queues: 64, handSize: 2, queueLengthLimit: 2 };
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Requests that run until they are told to end, in the order they began. */
function bench(over: Partial<LevelLimits> = {}) {
  const clock = new FakeClock();
  const room = { spare: () => false, freed: () => level.admitWaiting() };
  const level: PriorityLevel = new PriorityLevel({ guaranteed: 1, most: 1, queuing, ...over }, room, clock);
  const started: string[] = [];
  const refused: string[] = [];
  const request = async (flow: string): Promise<void> => {
    try {
      if (!level.tryEnter()) await level.enter(flow);
      started.push(flow);
    } catch (e) {
      expect(e).toMatchObject({ status: { code: 429, reason: 'TooManyRequests', details: { retryAfterSeconds: 1 } } });
      refused.push(flow);
    }
  };
  return { clock, level, started, refused, request };
}

describe('a level', () => {
  test('queues take turns, however many wait in one', async () => {
    const { level, started, request } = bench({ queuing: { ...queuing, handSize: 1, queueLengthLimit: 9 } });
    for (const flow of ['a', 'a', 'a', 'a', 'b', 'c']) void request(flow);
    for (let i = 0; i < 6; i++) {
      await settle();
      level.leave();
    }
    await settle();
    expect(started).toEqual(['a', 'a', 'b', 'c', 'a', 'a']);
    expect(level).toMatchObject({ active: 0, waiting: 0 });
  });

  test('a flow fills its own queues only', async () => {
    const { refused, level, request } = bench();
    for (const flow of ['a', ...Array(6).fill('a'), 'b', 'b', 'b', 'b', 'b']) void request(flow);
    await settle();
    expect(refused).toEqual(['a', 'a', 'b']);
    expect(level.waiting).toBe(8);
  });

  test('without queues requests too many are turned away at once', async () => {
    const clock = new FakeClock();
    const room = { spare: () => false, freed: () => {} };
    const level = new PriorityLevel({ guaranteed: 1, most: 1 }, room, clock);
    expect(level.tryEnter()).toBe(true);
    await expect(level.enter('a')).rejects.toMatchObject({ status: { code: 429 } });
  });

  test('nobody waits for ever', async () => {
    const { clock, level, refused, started, request } = bench();
    for (const flow of ['a', 'b']) void request(flow);
    await settle();
    await clock.advance(15_000);
    expect(refused).toEqual(['b']);
    level.leave();
    void request('c');
    await settle();
    expect(started).toEqual(['a', 'c']);
  });

  test('who waits when queues are changed is let in', async () => {
    const { level, started, request } = bench();
    for (const flow of ['a', 'b']) void request(flow);
    await settle();
    level.change({ guaranteed: 1, most: 1 });
    await settle();
    expect(started).toEqual(['a', 'b']);
    expect(level).toMatchObject({ active: 2, waiting: 0 });
  });

  test('never more than its seats, and every request begins or is refused', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('a', 'b', 'c', 'leave'), { maxLength: 60 }),
        fc.integer({ min: 1, max: 3 }),
        async (steps, seats) => {
          const { level, started, refused, request } = bench({ guaranteed: seats, most: seats });
          let asked = 0;
          let ended = 0;
          for (const step of steps) {
            if (step !== 'leave') {
              asked++;
              void request(step);
            } else if (level.active > 0) {
              ended++;
              level.leave();
            }
            await settle();
            expect(level.active).toBeLessThanOrEqual(seats);
            expect(started.length - ended).toBe(level.active);
            expect(started.length + refused.length + level.waiting).toBe(asked);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  test('a hand has different queues, and is always the same', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 128 }), fc.integer({ min: 1, max: 40 }), (flow, queues, n) => {
        const q = { queues, handSize: Math.min(n, queues), queueLengthLimit: 1 };
        const hand = handOf(flow, q);
        expect(new Set(hand).size).toBe(q.handSize);
        expect(hand.every((c) => c >= 0 && c < queues)).toBe(true);
        expect(handOf(flow, q)).toEqual(hand);
      }),
    );
  });
});

const ask = (method: string, path: string) => parseRequestInfo(method, path, false);
const PODS = ask('GET', '/api/v1/namespaces/default/pods');
const inGroups = (name: string, ...groups: string[]) => ({ name, groups: [...groups, 'system:authenticated'] });

describe('the flow schemas of a new cluster', () => {
  const control = new FlowControl(600, new FakeClock());
  const kubeSystem = 'system:serviceaccount:kube-system:x';
  const lease = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/l';
  const endpoints = '/api/v1/namespaces/default/endpoints/e';
  test.each([
    ['exempt', inGroups('admin', 'system:masters'), PODS, 'exempt'],
    ['probes', inGroups('jane'), ask('GET', '/healthz'), 'exempt'],
    [
      'system-leader-election',
      inGroups('system:kube-scheduler'),
      ask('PUT', lease),
      'system-leader-election/system:kube-scheduler',
    ],
    [
      'endpoint-controller',
      inGroups('system:kube-controller-manager'),
      ask('PUT', endpoints),
      'endpoint-controller/system:kube-controller-manager',
    ],
    [
      'workload-leader-election',
      inGroups(kubeSystem, 'system:serviceaccounts'),
      ask('PUT', lease),
      `workload-leader-election/${kubeSystem}`,
    ],
    [
      'system-node-high',
      inGroups('system:node:n', 'system:nodes'),
      ask('PATCH', '/api/v1/nodes/n/status'),
      'system-node-high/system:node:n',
    ],
    ['system-nodes', inGroups('system:node:n', 'system:nodes'), PODS, 'system-nodes/system:node:n'],
    ['kube-controller-manager', inGroups('system:kube-controller-manager'), PODS, 'kube-controller-manager/default'],
    ['kube-scheduler', inGroups('system:kube-scheduler'), PODS, 'kube-scheduler/default'],
    [
      'kube-system-service-accounts',
      inGroups(kubeSystem, 'system:serviceaccounts'),
      PODS,
      'kube-system-service-accounts/default',
    ],
    [
      'service-accounts',
      inGroups('system:serviceaccount:a:b', 'system:serviceaccounts'),
      PODS,
      'service-accounts/system:serviceaccount:a:b',
    ],
    ['global-default', inGroups('jane'), PODS, 'global-default/jane'],
    ['global-default', inGroups('jane'), ask('GET', '/api'), 'global-default/jane'],
    ['catch-all', { name: 'nobody', groups: [] }, PODS, 'catch-all/nobody'],
  ])('%s', (schema, user, info, flow) => {
    const found = control.classify(user, info);
    expect([found.schema.metadata?.name, found.flow]).toEqual([schema, flow]);
    expect(found.level === undefined).toBe(flow === 'exempt');
  });

  test('a failing request gives its seat back', async () => {
    const one = new FlowControl(1, new FakeClock());
    const found = one.classify(inGroups('jane'), PODS);
    await expect(one.run(found, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await one.run(found, () => Promise.resolve('yes'))).toBe('yes');
    expect([...one.usage().values()].every((l) => l.active === 0 && l.waiting === 0)).toBe(true);
  });
});

const level = (name: string, limited: NonNullable<PriorityLevelConfiguration['spec']>['limited']) =>
  ({ metadata: { name, uid: `uid-${name}` }, spec: { type: 'Limited', limited } }) as PriorityLevelConfiguration;
const schemaOf = (name: string, precedence: number, to: string): FlowSchema => ({
  metadata: { name },
  spec: {
    priorityLevelConfiguration: { name: to },
    matchingPrecedence: precedence,
    rules: [
      {
        subjects: [{ kind: 'User', user: { name } }],
        resourceRules: [{ verbs: ['list'], apiGroups: [''], resources: ['pods'], namespaces: ['default'] }],
      },
    ],
  },
});

describe('configured levels', () => {
  const reject = { type: 'Reject' as const };
  const levels = [
    level('lender', { nominalConcurrencyShares: 50, lendablePercent: 50, limitResponse: reject }),
    level('keeper', { nominalConcurrencyShares: 25, limitResponse: reject }),
    level('modest', { nominalConcurrencyShares: 25, borrowingLimitPercent: 0, limitResponse: reject }),
    level('catch-all', { nominalConcurrencyShares: 0, limitResponse: reject }),
  ];
  const schemas = ['lender', 'keeper', 'modest'].map((name) => schemaOf(name, 500, name));
  const setUp = () => {
    const control = new FlowControl(100, new FakeClock());
    control.configure(schemas, levels);
    const taken = (name: string, wanted: number): number => {
      const { level } = control.classify({ name, groups: [] }, PODS);
      return Array.from({ length: wanted }, () => level?.tryEnter()).filter(Boolean).length;
    };
    return { control, taken };
  };

  test('unused seats that may be lent are', () => {
    const { taken } = setUp();
    expect(taken('keeper', 100)).toBe(50);
    // What was lent is not there until it is given back; what may not be lent is.
    expect(taken('lender', 100)).toBe(25);
    expect(taken('modest', 100)).toBe(25);
  });

  test('a level without the right to borrow has its own', () => {
    const { taken } = setUp();
    expect(taken('modest', 100)).toBe(25);
  });

  test('a schema whose level is missing is passed over, and the first by precedence and name wins', () => {
    const control = new FlowControl(100, new FakeClock());
    const rivals = [
      { ...schemaOf('lender', 10, 'gone'), metadata: { name: 'dangling' } },
      { ...schemaOf('lender', 20, 'keeper'), metadata: { name: 'b' } },
      { ...schemaOf('lender', 20, 'modest'), metadata: { name: 'a' } },
    ];
    control.configure([...schemas, ...rivals], levels);
    const found = control.classify({ name: 'lender', groups: [] }, PODS);
    expect([found.schema.metadata?.name, found.levelUid]).toEqual(['a', 'uid-modest']);
    // Another verb, another namespace, the cluster: not what the rules say.
    for (const path of ['/api/v1/namespaces/other/pods', '/api/v1/pods', '/api/v1/namespaces/default/pods/x']) {
      expect(control.classify({ name: 'lender', groups: [] }, ask('GET', path)).schema.metadata?.name).toBe(
        'catch-all',
      );
    }
  });
});

test('whether the level of a flow schema exists, and since when', () => {
  const schema = schemaOf('a', 1, 'l');
  const first = danglingCondition(schema, false, 'then');
  expect(first).toMatchObject({ status: 'True', reason: 'NotFound', lastTransitionTime: 'then' });
  const held = { ...schema, status: { conditions: [first] } };
  expect(danglingCondition(held, false, 'now').lastTransitionTime).toBe('then');
  expect(danglingCondition(held, true, 'now')).toMatchObject({
    status: 'False',
    lastTransitionTime: 'now',
    message: 'This FlowSchema references the PriorityLevelConfiguration object named "l" and it exists',
  });
});
