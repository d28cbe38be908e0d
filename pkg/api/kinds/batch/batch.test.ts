import { expect, test } from 'vitest';
import type { Kind } from '../../kind.ts';
import { created, describeKinds, type KindCase, row, spoiled, texts, updated } from '../fixtures.ts';
import { CronJobs } from './cronjob.ts';
import { Jobs } from './job.ts';
import { countListedIndexes } from './pod-policy-validation.ts';
import { validateSchedule, validateTimeZone } from './schedule-validation.ts';

const REQUIRED = 'FieldValueRequired';
const INVALID = 'FieldValueInvalid';
const UNSUPPORTED = 'FieldValueNotSupported';
const NEGATIVE = 'must be greater than or equal to 0';

const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'busybox' }] } };
const job = { metadata: { name: 'j', namespace: 'default', uid: 'u1' }, spec: { template } };
const cron = {
  metadata: { name: 'c', namespace: 'default' },
  spec: { schedule: '*/5 * * * *', jobTemplate: { spec: { template } } },
};

const RULE = 'spec.podFailurePolicy.rules[0]';
const SUCCESS = 'spec.successPolicy.rules[0]';
const indexed = { 'spec.completionMode': 'Indexed', 'spec.completions': 5 };
const exitCodes = (onExitCodes: object) => ({
  'spec.podFailurePolicy': { rules: [{ action: 'FailJob', onExitCodes }] },
});
const success = (rule: object) => ({ ...indexed, 'spec.successPolicy': { rules: [rule] } });

const bad: readonly KindCase[] = [
  [
    'Job',
    Jobs as unknown as Kind,
    job,
    [
      [
        { 'spec.template.spec.restartPolicy': undefined },
        REQUIRED,
        'spec.template.spec.restartPolicy',
        'valid values: "OnFailure", "Never"',
      ],
      [
        { 'spec.template.spec.restartPolicy': 'Always' },
        REQUIRED,
        'spec.template.spec.restartPolicy',
        'valid values: "OnFailure", "Never"',
      ],
      [{ 'spec.parallelism': -1 }, INVALID, 'spec.parallelism', NEGATIVE],
      [{ 'spec.completions': -1 }, INVALID, 'spec.completions', NEGATIVE],
      [{ 'spec.backoffLimit': -1 }, INVALID, 'spec.backoffLimit', NEGATIVE],
      [{ 'spec.ttlSecondsAfterFinished': -1 }, INVALID, 'spec.ttlSecondsAfterFinished', NEGATIVE],
      [
        { 'spec.completionMode': 'Indexed', 'spec.parallelism': 2 },
        REQUIRED,
        'spec.completions',
        'when completion mode is Indexed',
      ],
      [{ 'spec.backoffLimitPerIndex': 1 }, INVALID, 'spec.backoffLimitPerIndex', 'requires indexed completion mode'],
      [{ 'spec.manualSelector': true }, REQUIRED, 'spec.selector', 'Required value'],
      [
        { 'spec.manualSelector': true, 'spec.selector': { matchLabels: { a: 'b' } } },
        INVALID,
        'spec.template.metadata.labels',
        '`selector` does not match template `labels`',
      ],
      [
        { 'spec.podFailurePolicy': { rules: [{ action: 'FailJob' }] } },
        INVALID,
        'spec.podFailurePolicy.rules[0]',
        'specifying one of OnExitCodes and OnPodConditions is required',
      ],
      [
        exitCodes({ operator: 'In', values: [0, 1] }),
        INVALID,
        `${RULE}.onExitCodes.values[0]`,
        'must not be 0 for the In operator',
      ],
      [exitCodes({ operator: 'In', values: [2, 1] }), INVALID, `${RULE}.onExitCodes.values`, 'must be ordered'],
      [exitCodes({ operator: 'In', values: [1, 1] }), 'FieldValueDuplicate', `${RULE}.onExitCodes.values[1]`, '1'],
      [exitCodes({ operator: 'In', values: [] }), INVALID, `${RULE}.onExitCodes.values`, 'at least one value'],
      [
        exitCodes({ operator: 'In', values: [1], containerName: 'x' }),
        INVALID,
        `${RULE}.onExitCodes.containerName`,
        'must be one of the container or initContainer names in the pod template',
      ],
      [
        { 'spec.podFailurePolicy': { rules: [{ action: 'FailIndex', onPodConditions: [{ type: 'A' }] }] } },
        INVALID,
        `${RULE}.action`,
        'requires the backoffLimitPerIndex to be set',
      ],
      [
        { 'spec.podFailurePolicy': { rules: [{ action: 'Count', onPodConditions: [{ type: 'a b' }] }] } },
        INVALID,
        `${RULE}.onPodConditions[0].type`,
        'name part',
      ],
      [
        { 'spec.podFailurePolicy': { rules: [] }, 'spec.podReplacementPolicy': 'TerminatingOrFailed' },
        UNSUPPORTED,
        'spec.podReplacementPolicy',
        'supported values: "Failed"',
      ],
      [
        { ...indexed, 'spec.backoffLimitPerIndex': 1, 'spec.template.spec.restartPolicy': 'OnFailure' },
        INVALID,
        'spec.template.spec.restartPolicy',
        'only "Never" is supported when backoffLimitPerIndex is specified',
      ],
      [{ 'spec.managedBy': 'me' }, INVALID, 'spec.managedBy', 'must be a domain-prefixed path'],
      [{ 'spec.maxFailedIndexes': 1 }, REQUIRED, 'spec.backoffLimitPerIndex', 'when maxFailedIndexes is specified'],
      [
        { ...indexed, 'spec.backoffLimitPerIndex': 1, 'spec.maxFailedIndexes': 6 },
        INVALID,
        'spec.maxFailedIndexes',
        'must be less than or equal to completions',
      ],
      [
        { ...indexed, 'spec.completions': 100_001, 'spec.backoffLimitPerIndex': 1 },
        REQUIRED,
        'spec.maxFailedIndexes',
        'must be specified when completions is above 100000',
      ],
      [
        { ...indexed, 'metadata.name': 'x'.repeat(62) },
        INVALID,
        'metadata.name',
        `will not able to create pod with invalid DNS label: ${'x'.repeat(62)}-4`,
      ],
      [{ 'spec.successPolicy': { rules: [] } }, INVALID, 'spec.successPolicy', 'requires indexed completion mode'],
      [{ ...indexed, 'spec.successPolicy': {} }, REQUIRED, 'spec.successPolicy.rules', 'at least one rules must be'],
      [success({}), REQUIRED, SUCCESS, 'at least one of succeededCount or succeededIndexes must be specified'],
      [
        success({ succeededCount: 6 }),
        INVALID,
        `${SUCCESS}.succeededCount`,
        'less than or equal to 5 (the number of s',
      ],
      [
        success({ succeededCount: 4, succeededIndexes: '0,2-3' }),
        INVALID,
        `${SUCCESS}.succeededCount`,
        'less than or equal to 3 (the number of indexes in',
      ],
      [
        success({ succeededIndexes: '0-5' }),
        INVALID,
        `${SUCCESS}.succeededIndexes`,
        'error parsing succeededIndexes: too large index: "5"',
      ],
      [
        { 'spec.podFailurePolicy': { rules: [] }, 'spec.template.spec.restartPolicy': 'OnFailure' },
        INVALID,
        'spec.template.spec.restartPolicy',
        'only "Never" is supported when podFailurePolicy is specified',
      ],
    ],
  ],
  [
    'CronJob',
    CronJobs as unknown as Kind,
    cron,
    [
      [{ 'spec.schedule': '' }, REQUIRED, 'spec.schedule', 'Required value'],
      [{ 'spec.schedule': '* * *' }, INVALID, 'spec.schedule', 'expected exactly 5 fields, found 3: [* * *]'],
      [
        { 'spec.schedule': 'TZ=UTC 0 * * * *' },
        INVALID,
        'spec.schedule',
        'cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
      ],
      [{ 'spec.timeZone': '' }, INVALID, 'spec.timeZone', 'timeZone must be nil or non-empty string'],
      [{ 'spec.timeZone': 'Mars/Base' }, INVALID, 'spec.timeZone', 'unknown time zone Mars/Base'],
      [{ 'spec.concurrencyPolicy': 'Maybe' }, UNSUPPORTED, 'spec.concurrencyPolicy', '"Allow", "Forbid", "Replace"'],
      [{ 'spec.startingDeadlineSeconds': -1 }, INVALID, 'spec.startingDeadlineSeconds', NEGATIVE],
      [{ 'metadata.name': 'x'.repeat(53) }, INVALID, 'metadata.name', 'must be no more than 52 characters'],
      [
        { 'spec.jobTemplate.spec.template.spec.restartPolicy': 'Always' },
        REQUIRED,
        'spec.jobTemplate.spec.template.spec.restartPolicy',
        'valid values',
      ],
      [
        { 'spec.jobTemplate.spec.manualSelector': true },
        UNSUPPORTED,
        'spec.jobTemplate.spec.manualSelector',
        '"false", "nil"',
      ],
    ],
  ],
];

describeKinds(bad);

test.each([
  ['*/15 0-6,22 1 jan-mar mon', undefined],
  ['@hourly', undefined],
  ['@every 5m', undefined],
  ['@often', 'unrecognized descriptor: @often'],
  ['60 * * * *', 'end of range (60) above maximum (59): 60'],
  ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'],
  ['* 5-3 * * *', 'beginning of range (5) beyond end of range (3): 5-3'],
  ['*/0 * * * *', 'step of range should be a positive number: */0'],
  ['a * * * *', 'failed to parse int from a'],
])('schedule %s', (schedule, problem) => {
  const found = texts(validateSchedule('s', schedule));
  if (problem === undefined) expect(found).toEqual([]);
  else expect(found[0]).toContain(problem);
});

test.each(['UTC', 'Europe/Berlin', 'Etc/GMT+2'])('time zone %s', (zone) => {
  expect(validateTimeZone('z', zone)).toEqual([]);
});

test('a job gets a selector by its UID, and the labels of its template', () => {
  const { object } = created(Jobs, spoiled(job, { 'spec.template.metadata': { labels: { app: 'x' } } }));
  const own = {
    'batch.kubernetes.io/controller-uid': 'u1',
    'controller-uid': 'u1',
    'batch.kubernetes.io/job-name': 'j',
    'job-name': 'j',
  };
  expect(object.metadata?.labels).toEqual({ app: 'x', ...own });
  const labelled = spoiled(job, { 'metadata.labels': { app: 'y' } });
  expect(created(Jobs, labelled).object.metadata?.labels).toEqual({ app: 'y' });
  expect(object.spec).toMatchObject({
    completions: 1,
    parallelism: 1,
    backoffLimit: 6,
    completionMode: 'NonIndexed',
    suspend: false,
    manualSelector: false,
    podReplacementPolicy: 'TerminatingOrFailed',
    selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': 'u1' } },
    template: { metadata: { labels: { app: 'x', ...own } } },
  });
});

test('the job template of a CronJob has the defaults of its pods, and no others', () => {
  const { object } = created(CronJobs, structuredClone(cron));
  const { template: pods, ...others } = object.spec?.jobTemplate?.spec ?? {};
  expect(others).toEqual({});
  expect(pods?.spec).toMatchObject({ dnsPolicy: 'ClusterFirst', containers: [{ imagePullPolicy: 'Always' }] });
});

test('a copy of another job is refused, for its pods would be taken for those of the other', () => {
  const labels = { 'batch.kubernetes.io/controller-uid': 'u0' };
  const refused = (changes: Record<string, unknown>) => texts(created(Jobs, spoiled(job, changes)).problems);
  const [first, ...more] = refused({ 'spec.template.metadata': { labels } });
  const at = 'spec.template.metadata.labels[batch.kubernetes.io/controller-uid]';
  expect(first?.startsWith(`FieldValueInvalid ${at}: Invalid value: {`)).toBe(true);
  expect(first?.endsWith("}: must be 'u1'")).toBe(true);
  expect(more).toEqual([
    expect.stringMatching(/^FieldValueInvalid spec.template.metadata.labels: .*`selector` does not/),
  ]);
  expect(refused({ 'spec.template.metadata': { labels: { 'job-name': 'other' } } })).toEqual([
    expect.stringMatching(/^FieldValueInvalid spec.template.metadata.labels\[job-name\]: .*: must be 'j'$/),
  ]);
  expect(refused({ 'spec.selector': { matchLabels: labels } })).toEqual([
    expect.stringMatching(/^FieldValueInvalid spec.selector: .*: `selector` not auto-generated$/),
    expect.stringMatching(/^FieldValueInvalid spec.template.metadata.labels: .*`selector` does not match/),
  ]);
  const manual = { 'spec.manualSelector': true, 'spec.selector': { matchLabels: labels } };
  expect(refused({ ...manual, 'spec.template.metadata': { labels } })).toEqual([]);
});

test('a job from before the labels had a prefix can still be changed; one with them keeps them', () => {
  const { object } = created(Jobs, job);
  const labels = (of: object, path: string): Record<string, unknown> => ({
    [path]: Object.fromEntries(Object.entries(of).filter(([k]) => !k.startsWith('batch.kubernetes.io/'))),
  });
  const short = labels(object.spec?.template?.metadata?.labels ?? {}, 'spec.template.metadata.labels');
  const old = spoiled(object, { ...short, 'spec.selector': { matchLabels: { 'controller-uid': 'u1' } } });
  const suspend = (o: object) => Object.assign(o, spoiled(o, { 'spec.suspend': true }));
  expect(texts(updated(Jobs, old, suspend).problems)).toEqual([]);
  const cut = texts(updated(Jobs, object, (o) => Object.assign(o, spoiled(o, short))).problems);
  expect(cut).toContain(
    "FieldValueRequired spec.template.metadata.labels[batch.kubernetes.io/controller-uid]: Required value: must be 'u1'",
  );
});

test('what of a job can be changed', () => {
  const old = created(Jobs, job).object;
  const change = (path: string, value: unknown) =>
    texts(updated(Jobs, old, (o) => Object.assign(o, spoiled(o, { [path]: value }))).problems);
  expect(change('spec.parallelism', 3)).toEqual([]);
  expect(change('spec.completions', 3)).toEqual([
    'FieldValueInvalid spec.completions: Invalid value: 3: field is immutable',
  ]);
  expect(change('spec.template.spec.containers[0].image', 'x')[0]).toMatch(
    /^FieldValueInvalid spec\.template: .*: field is immutable$/,
  );
});

test('an indexed job grows and shrinks together with its parallelism', () => {
  const old = created(Jobs, spoiled(job, { ...indexed, 'spec.parallelism': 5 })).object;
  const change = (changes: Record<string, unknown>) =>
    texts(updated(Jobs, old, (o) => Object.assign(o, spoiled(o, changes))).problems);
  expect(change({ 'spec.completions': 7, 'spec.parallelism': 7 })).toEqual([]);
  expect(change({ 'spec.parallelism': 2 })).toEqual([]);
  expect(change({ 'spec.completions': 7 })).toEqual([
    'FieldValueInvalid spec.completions: Invalid value: 7: can only be modified in tandem with spec.parallelism',
  ]);
});

test.each<[string, number | RegExp]>([
  ['', 0],
  ['1,3-5,7', 5],
  ['1,1', /non-increasing order, previous: 1, current: 1/],
  ['5-3', /non-increasing order, previous: 5, current: 3/],
  ['1-2-3', /the fragment "1-2-3" violates/],
  ['a', /cannot convert string to integer for index: "a"/],
  ['10', /too large index: "10"/],
])('listed indexes %j', (text, want) => {
  if (typeof want === 'number') expect(countListedIndexes(text, 10)).toBe(want);
  else expect(() => countListedIndexes(text, 10)).toThrow(want);
});

test('a job with policies is fine', () => {
  const rules = [
    { action: 'FailIndex', onExitCodes: { operator: 'NotIn', values: [0, 1, 42], containerName: 'c' } },
    { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget' }] },
  ];
  const changes = {
    ...{ ...success({ succeededIndexes: '0,2-4', succeededCount: 2 }), 'spec.podFailurePolicy': { rules } },
    ...{ 'spec.backoffLimitPerIndex': 1, 'spec.maxFailedIndexes': 5, 'spec.managedBy': 'example.com/me' },
  };
  expect(texts(created(Jobs, spoiled(job, changes)).problems)).toEqual([]);
});

const now = Date.parse('2026-01-01T01:00:00Z');
test.each<[Record<string, unknown>, Record<string, unknown>]>([
  [{}, { Status: 'Running', Completions: '0/1', Duration: '' }],
  [{ 'status.startTime': '2026-01-01T00:58:00Z' }, { Duration: '2m' }],
  [
    {
      'status.startTime': '2026-01-01T00:00:00Z',
      'status.completionTime': '2026-01-01T00:00:05Z',
      'status.succeeded': 1,
      'status.conditions': [{ type: 'Complete', status: 'True' }],
    },
    { Status: 'Complete', Completions: '1/1', Duration: '5s' },
  ],
  [{ 'spec.completions': undefined, 'spec.parallelism': 3 }, { Completions: '0/1 of 3' }],
  [{ 'status.conditions': [{ type: 'Suspended', status: 'True' }] }, { Status: 'Suspended' }],
])('table of a job with %j', (changes, want) => {
  expect(row(Jobs, spoiled(created(Jobs, job).object, changes), now)).toMatchObject(want);
});

test('table of a cron job', () => {
  const o = created(CronJobs, cron).object;
  expect(row(CronJobs, o, now)).toMatchObject({
    Schedule: '*/5 * * * *',
    Timezone: '<none>',
    Suspend: 'False',
    Active: 0,
    'Last Schedule': '<none>',
  });
});
