import { describe, expect, test } from 'vitest';
import type { Job, JobStatus, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { ago, NOW, type PodSketch, pod } from '../fixtures.ts';
import { countIndexes, formatIndexes, hasIndex, parseIndexes, withIndexes } from './indexes.ts';
import { type FailureRun, failureRun, planPods, waitAfter } from './plan.ts';
import { podFor, TRACKING } from './pods.ts';
import { failureVerdict, metSuccessRule } from './policies.ts';
import { endNotes, finalStatus, leaving, settledStatus, startStatus, trackingStatus } from './status.ts';
import { tallyOf } from './tally.ts';
import { completion, deadlineIn, verdictOf } from './verdict.ts';

const job = (spec: object = {}, status: JobStatus = {}): Stored<Job> =>
  ({
    metadata: { namespace: 'ns', name: 'j', uid: 'j' },
    spec: {
      parallelism: 1,
      completions: 1,
      backoffLimit: 6,
      podReplacementPolicy: 'TerminatingOrFailed',
      template: { metadata: { labels: { app: 'j' } }, spec: { containers: [{ name: 'c' }], restartPolicy: 'Never' } },
      ...spec,
    },
    status: { startTime: ago(100), ...status },
  }) as unknown as Stored<Job>;

interface Sketch extends PodSketch {
  readonly index?: number;
  readonly failures?: number;
  readonly exit?: number;
  readonly ended?: number;
  readonly free?: boolean;
  readonly condition?: string;
}
/** A pod of the job, still held by the finalizer unless it is `free`. */
function of(name: string, s: Sketch = {}): Stored<Pod> {
  const p = structuredClone(pod({ name, ...s }));
  if (!s.free) p.metadata.finalizers = [TRACKING];
  const annotations: Record<string, string> = {};
  if (s.index !== undefined) annotations['batch.kubernetes.io/job-completion-index'] = `${s.index}`;
  if (s.failures !== undefined) annotations['batch.kubernetes.io/job-index-failure-count'] = `${s.failures}`;
  p.metadata.annotations = annotations;
  const status = p.status ?? {};
  if (s.exit !== undefined) {
    const terminated = { exitCode: s.exit, finishedAt: ago(s.ended ?? 0) };
    Object.assign(status, { containerStatuses: [{ name: 'c', restartCount: 0, state: { terminated } }] });
  }
  if (s.condition) status.conditions = [{ type: s.condition, status: 'True' }];
  return p;
}
const ok = (name: string, s: Sketch = {}) => of(name, { phase: 'Succeeded', exit: 0, ...s });
const bad = (name: string, s: Sketch = {}) => of(name, { phase: 'Failed', exit: 1, ...s });
const indexed = { completionMode: 'Indexed', completions: 4, parallelism: 2 };
const scene = (j: Stored<Job>, pods: Stored<Pod>[]) => ({ job: j, pods, now: NOW });
const tally = (j: Stored<Job>, pods: Stored<Pod>[]) => tallyOf(scene(j, pods));
const names = (pods: readonly Stored<Pod>[]) => pods.map((p) => p.metadata.name);

describe('indexes', () => {
  test.each([
    ['', 10, '', 0],
    ['1,3-5,7', 10, '1,3-5,7', 5],
    ['5,4,3,9', 10, '3-5,9', 4],
    ['0,1', 10, '0,1', 2],
    ['1,3-5,7', 5, '1,3,4', 3],
    ['x,2-1,-3', 5, '', 0],
  ])('%j below %d is %j', (text, limit, want, count) => {
    const indexes = parseIndexes(text, limit);
    expect([formatIndexes(indexes), countIndexes(indexes)]).toEqual([want, count]);
  });
  test('membership and additions', () => {
    const indexes = withIndexes(parseIndexes('1,3-5', 10), [2, 8, 8]);
    expect(formatIndexes(indexes)).toBe('1-5,8');
    expect([0, 1, 5, 6, 8, 9].map((i) => hasIndex(indexes, i))).toEqual([false, true, true, false, true, false]);
  });
});

describe('pod failure policy', () => {
  const rules = [
    { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
    { action: 'FailJob', onExitCodes: { containerName: 'c', operator: 'In', values: [42] } },
    { action: 'FailIndex', onExitCodes: { operator: 'NotIn', values: [1, 2] } },
  ];
  const perIndex = { ...indexed, backoffLimitPerIndex: 1 };
  test.each<[string, Sketch, object, string, string | undefined]>([
    [
      'a condition',
      { exit: 42, condition: 'DisruptionTarget' },
      {},
      'Ignore',
      'Pod ns/p has condition DisruptionTarget',
    ],
    ['an exit code', { exit: 42 }, {}, 'FailJob', 'Container c for pod ns/p failed with exit code 42 matching FailJob'],
    ['not among codes', { exit: 3 }, perIndex, 'FailIndex', 'matching FailIndex rule at index 2'],
    ['an index where none is counted', { exit: 3 }, {}, 'Count', undefined],
    ['no rule', { exit: 1 }, {}, 'Count', undefined],
    ['not failed yet', { exit: 42, phase: 'Running' }, {}, 'Count', undefined],
  ])('%s', (_, s, spec, action, message) => {
    const verdict = failureVerdict(job({ ...spec, podFailurePolicy: { rules } }), bad('p', s));
    expect(verdict.action).toBe(action);
    expect(verdict.message ?? '').toContain(message ?? '');
    expect(verdict.message === undefined).toBe(message === undefined);
  });
});

test.each<[object[], string, number | undefined]>([
  [[{ succeededIndexes: '0-2' }], '0,1', undefined],
  [[{ succeededIndexes: '0-2' }], '0-2', 0],
  [[{ succeededIndexes: '7' }, { succeededCount: 2 }], '0,3', 1],
  [[{ succeededIndexes: '1-3', succeededCount: 1 }], '3', 0],
  [[{ succeededIndexes: '1-3', succeededCount: 2 }], '0,3', undefined],
])('success policy %j with %s', (rules, done, want) => {
  const j = job({ completionMode: 'Indexed', completions: 10, successPolicy: { rules } });
  expect(metSuccessRule(j, parseIndexes(done, 10))).toBe(want);
});

describe('counting', () => {
  test.each<[string, object, JobStatus, Stored<Pod>[], object]>([
    ['new ones', {}, {}, [ok('a'), bad('b'), of('c')], { succeeded: 1, failed: 1 }],
    [
      'each once',
      {},
      { succeeded: 2, failed: 1, uncountedTerminatedPods: { succeeded: ['a'], failed: ['b'] } },
      [ok('a'), bad('b'), ok('c', { free: true })],
      { succeeded: 3, failed: 2 },
    ],
    ['one being ended', {}, {}, [of('a', { deleting: true })], { succeeded: 0, failed: 1 }],
    ['… only at its end', { podReplacementPolicy: 'Failed' }, {}, [of('a', { deleting: true })], { failed: 0 }],
    [
      'indexes',
      indexed,
      { completedIndexes: '0,9' },
      [ok('a', { index: 0 }), ok('b', { index: 2 }), ok('c', { index: 7 }), ok('d')],
      {
        succeeded: 2,
        succeededIndexes: [
          [0, 0],
          [2, 2],
        ],
      },
    ],
    ['none of no index of the job', indexed, {}, [bad('a', { index: 4 }), bad('b')], { failed: 0, newlyFailed: [] }],
    [
      'failed indexes',
      { ...indexed, backoffLimitPerIndex: 1 },
      { failedIndexes: '3' },
      [bad('a', { index: 0, failures: 1 }), bad('b', { index: 1, failures: 0 })],
      {
        failedIndexes: [
          [0, 0],
          [3, 3],
        ],
        failed: 2,
      },
    ],
  ])('%s', (_, spec, status, pods, want) => {
    expect(tally(job(spec, status), pods)).toMatchObject(want);
  });
});

describe('how a job ends', () => {
  const reason = (j: Stored<Job>, pods: Stored<Pod>[]) => verdictOf(scene(j, pods), tally(j, pods))?.reason;
  const restarting = { template: { spec: { restartPolicy: 'OnFailure', containers: [] } } };
  const perIndex = { ...indexed, backoffLimitPerIndex: 0, backoffLimit: 999 };
  const failTarget = [{ type: 'FailureTarget', status: 'True', reason: 'Before' }] as const;
  test.each<[string, Stored<Job>, Stored<Pod>[], string | undefined]>([
    ['goes on', job(), [of('a')], undefined],
    ['at the limit', job({ backoffLimit: 1 }), [bad('a')], undefined],
    ['beyond it', job({ backoffLimit: 1 }), [bad('a'), bad('b')], 'BackoffLimitExceeded'],
    ['restarts', job({ ...restarting, backoffLimit: 2 }), [of('a', { restarts: 2 })], 'BackoffLimitExceeded'],
    ['fewer restarts', job({ ...restarting, backoffLimit: 2 }), [of('a', { restarts: 1 })], undefined],
    ['too late', job({ activeDeadlineSeconds: 100 }), [], 'DeadlineExceeded'],
    ['in time', job({ activeDeadlineSeconds: 101 }), [], undefined],
    ['as decided', job({}, { conditions: [...failTarget] }), [], 'Before'],
    [
      'by policy',
      job({ podFailurePolicy: { rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [1] } }] } }),
      [bad('a')],
      'PodFailurePolicy',
    ],
    [
      'too many indexes',
      job({ ...perIndex, maxFailedIndexes: 0 }),
      [bad('a', { index: 1 })],
      'MaxFailedIndexesExceeded',
    ],
    ['indexes failed', job(perIndex, { completedIndexes: '0-2' }), [bad('a', { index: 3 })], 'FailedIndexes'],
    ['others go on', job(perIndex, { completedIndexes: '0,1' }), [bad('a', { index: 3 })], undefined],
    [
      'success policy',
      job({ ...indexed, successPolicy: { rules: [{ succeededCount: 1 }] } }),
      [ok('a', { index: 1 })],
      'SuccessPolicy',
    ],
  ])('%s', (_, j, pods, want) => {
    expect(reason(j, pods)).toBe(want);
  });
  test('enough completions', () => {
    const reached = (spec: object, pods: Stored<Pod>[]) => completion(job(spec), tally(job(spec), pods))?.reason;
    expect(reached({ completions: 2 }, [ok('a')])).toBeUndefined();
    expect(reached({ completions: 2 }, [ok('a'), ok('b')])).toBe('CompletionsReached');
    expect(reached({ completions: undefined }, [ok('a'), of('b')])).toBeUndefined();
    expect(reached({ completions: undefined }, [ok('a')])).toBe('CompletionsReached');
    expect(deadlineIn(scene(job({ activeDeadlineSeconds: 130 }), []))).toBe(30_000);
  });
});

describe('pods to start and to end', () => {
  const none: FailureRun = { count: 0, last: 0 };
  const late: FailureRun = { count: 2, last: NOW - 5000 };
  const plan = (
    spec: object,
    pods: Stored<Pod>[],
    { run = none, status = {} }: { run?: FailureRun; status?: JobStatus } = {},
  ) => {
    const j = job(spec, status);
    const { create, remove, waitMs } = planPods(scene(j, pods), tally(j, pods), run);
    return [create.map((s) => s.index ?? '-').join(''), names(remove).join(''), waitMs];
  };
  const never = Number.POSITIVE_INFINITY;
  test.each<[string, unknown[], unknown[]]>([
    ['as many as may run', plan({ parallelism: 3, completions: 5 }, [of('a')]), ['--', '', never]],
    ['no more than are left', plan({ parallelism: 3, completions: 2 }, [ok('a')]), ['-', '', never]],
    ['a queue runs out', plan({ parallelism: 3, completions: undefined }, [ok('a'), of('b')]), ['', '', never]],
    [
      'parallelism was lowered',
      plan({ parallelism: 1, completions: 5 }, [of('a', { ready: 9 }), of('b')]),
      ['', 'b', never],
    ],
    ['suspended', plan({ suspend: true, parallelism: 2 }, [of('a'), of('b')]), ['', 'ab', never]],
    ['waits after failures', plan({}, [], { run: late }), ['', '', 15_000]],
    ['one that ends is replaced', plan({}, [of('a', { deleting: true })]), ['-', '', never]],
    ['… only at its end', plan({ podReplacementPolicy: 'Failed' }, [of('a', { deleting: true })]), ['', '', never]],
    ['lowest indexes first', plan(indexed, [ok('a', { index: 0 }), of('b', { index: 2 })]), ['1', '', never]],
    ['each index once', plan(indexed, [of('a', { index: 1 }), of('b', { index: 1, age: 9 })]), ['0', 'b', never]],
    ['indexes that are gone', plan(indexed, [of('a', { index: 8 })]), ['01', 'a', never]],
    [
      'an index waits for itself',
      plan({ ...indexed, backoffLimitPerIndex: 3 }, [bad('a', { index: 0, failures: 0, ended: 4 })]),
      ['12', '', 6000],
    ],
    [
      'failed indexes are not tried again',
      plan({ ...indexed, backoffLimitPerIndex: 0 }, [bad('a', { index: 0 })], { status: { completedIndexes: '1,2' } }),
      ['3', '', never],
    ],
  ])('%s', (_, got, want) => {
    expect(got).toEqual(want);
  });
  test('waits double up to ten minutes, and a success ends them', () => {
    const wait = (count: number) => waitAfter({ count, last: NOW }, NOW);
    expect([0, 1, 2, 3, 7, 40].map(wait)).toEqual([0, 10_000, 20_000, 40_000, 600_000, 600_000]);
    const pods = [bad('a', { ended: 9 }), ok('b', { ended: 7 }), bad('c', { ended: 3 })];
    expect(failureRun(late, tally(job(), pods))).toEqual({ count: 1, last: NOW - 3000 });
    expect(failureRun(late, tally(job(), [bad('a', { ended: 1 })]))).toEqual({ count: 3, last: NOW - 1000 });
  });
});

test('a pod knows its index in every way that is documented', () => {
  const made = podFor(job({ ...indexed, backoffLimitPerIndex: 2 }), { index: 3, counted: 1 });
  expect(made.metadata).toMatchObject({
    generateName: 'j-3-',
    finalizers: [TRACKING],
    labels: { app: 'j', 'batch.kubernetes.io/job-completion-index': '3' },
    annotations: {
      'batch.kubernetes.io/job-completion-index': '3',
      'batch.kubernetes.io/job-index-failure-count': '1',
    },
  });
  expect(made.spec?.hostname).toBe('j-3');
  expect(made.spec?.containers?.[0]?.env).toEqual([
    {
      name: 'JOB_COMPLETION_INDEX',
      valueFrom: {
        fieldRef: { apiVersion: 'v1', fieldPath: "metadata.labels['batch.kubernetes.io/job-completion-index']" },
      },
    },
  ]);
  expect(podFor(job(), {}).metadata).toMatchObject({ generateName: 'j-', finalizers: [TRACKING] });
});

describe('status', () => {
  const failing = { type: 'FailureTarget', reason: 'R', message: 'm' } as const;
  const success = { type: 'SuccessCriteriaMet', reason: 'R', message: 'm' } as const;
  const track = (j: Stored<Job>, pods: Stored<Pod>[], verdict?: typeof failing | typeof success) => {
    const t = tally(j, pods);
    const going = leaving(scene(j, pods), t, verdict);
    return { going: names(going), status: trackingStatus(scene(j, pods), t, { pods: going, verdict }) };
  };
  test('ended pods are listed, then counted', () => {
    const { going, status } = track(job({ completions: 9 }, { succeeded: 1 }), [
      ok('a'),
      bad('b'),
      of('c', { ready: 1 }),
    ]);
    expect(going).toEqual(['a', 'b']);
    expect(status).toMatchObject({ succeeded: 1, active: 1, ready: 1, terminating: 0 });
    expect(status.uncountedTerminatedPods).toEqual({ succeeded: ['a'], failed: ['b'] });
    expect(settledStatus(status)).toMatchObject({ succeeded: 2, failed: 1, uncountedTerminatedPods: {} });
  });
  test('running pods of a job that fails are failures, of one that succeeded they are not', () => {
    expect(track(job(), [of('a')], failing).status.uncountedTerminatedPods).toEqual({ failed: ['a'] });
    expect(track(job(), [of('a')], success).status.uncountedTerminatedPods).toEqual({});
  });
  test('the last failure of an index stays until another pod carries the count', () => {
    const j = job({ ...indexed, backoffLimitPerIndex: 3 });
    const first = bad('a', { index: 0, failures: 0 });
    const second = bad('b', { index: 0, failures: 1 });
    expect(track(j, [first]).going).toEqual([]);
    expect(track(j, [first, second]).going).toEqual(['a']);
    expect(track(j, [second, of('c', { index: 0, failures: 2 })]).going).toEqual(['b']);
    expect(track(j, [bad('a', { index: 0, failures: 3 })])).toMatchObject({
      going: ['a'],
      status: { failedIndexes: '0' },
    });
  });
  test('the end waits for the last pod and the last count', () => {
    const settled = settledStatus(track(job(), [ok('a')], success).status);
    const final = finalStatus(settled, success, NOW);
    expect(final?.completionTime).toBe(ago(0));
    expect(final?.conditions?.map((c) => c.type)).toEqual(['SuccessCriteriaMet', 'Complete']);
    expect(finalStatus({ ...settled, terminating: 1 }, success, NOW)).toBeUndefined();
    expect(finalStatus({ ...settled, uncountedTerminatedPods: { failed: ['x'] } }, success, NOW)).toBeUndefined();
    expect(finalStatus(settled, failing, NOW)?.completionTime).toBeUndefined();
  });
  const warned = 'Too many succeeded pods running after completion count reached';
  test.each<[string, object, JobStatus, typeof failing | typeof success, string[]]>([
    ['enough', { completions: 2 }, { succeeded: 2 }, success, ['Completed: Job completed']],
    [
      'more than that',
      { completions: 2 },
      { succeeded: 3 },
      success,
      [`TooManySucceededPods: ${warned}`, 'Completed: Job completed'],
    ],
    ['a queue', { completions: undefined }, { succeeded: 3 }, success, ['Completed: Job completed']],
    ['too few', { completions: 2 }, { succeeded: 3 }, failing, ['R: m']],
  ])('what is told at the end: %s', (_, spec, status, verdict, want) => {
    const notes = endNotes(job(spec), status, verdict);
    expect(notes.map(([, reason, message]) => `${reason}: ${message}`)).toEqual(want);
    expect(notes.filter(([type]) => type === 'Warning')).toHaveLength(want.filter((n) => !/^Comp/.test(n)).length);
  });
  test('suspending takes the start away, resuming sets it anew', () => {
    const suspended = startStatus(scene(job({ suspend: true }), []));
    expect(suspended).toMatchObject({
      told: 'Suspended',
      status: { conditions: [{ type: 'Suspended', status: 'True' }] },
    });
    expect(suspended.status.startTime).toBeUndefined();
    const resumed = startStatus(scene(job({}, { ...suspended.status }), []));
    expect(resumed).toMatchObject({
      told: 'Resumed',
      status: { startTime: ago(0), conditions: [{ status: 'False' }] },
    });
    expect(startStatus(scene(job({}, resumed.status), [])).told).toBeUndefined();
  });
});
