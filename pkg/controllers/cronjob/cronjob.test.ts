import { describe, expect, test } from 'vitest';
import { type CronJob, type Job, parseSchedule } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { ago, NOW } from '../fixtures.ts';
import { jobFor, planStart, review, surplusHistory } from './plan.ts';
import { dueAt, nextAfter, zonedTime } from './times.ts';

describe('the next time', () => {
  test.each([
    ['*/15 * * * *', 'UTC', '2026-01-01T12:00:00Z', '2026-01-01T12:15:00Z'],
    ['5/20 * * * *', 'UTC', '2026-01-01T12:06:00Z', '2026-01-01T12:25:00Z'],
    ['0 9 * * mon-fri', 'UTC', '2026-01-02T09:00:00Z', '2026-01-05T09:00:00Z'],
    ['30 2 1,15 * *', 'Europe/Berlin', '2026-01-01T12:00:00Z', '2026-01-15T01:30:00Z'],
    ['0 0 13 * 5', 'UTC', '2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'],
    ['0 0 */2 * 5', 'UTC', '2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'],
    ['0 12 29 feb *', 'UTC', '2026-01-01T00:00:00Z', '2028-02-29T12:00:00Z'],
    ['@monthly', 'America/New_York', '2026-01-01T12:00:00Z', '2026-02-01T05:00:00Z'],
    ['@every 90s', 'UTC', '2026-01-01T12:00:00.700Z', '2026-01-01T12:01:30Z'],
    // Clocks go forward in New York on 2026-03-08 at 2:00: 2:30 does not exist; they go back on 2026-11-01.
    ['30 2 * * *', 'America/New_York', '2026-03-08T00:00:00-05:00', '2026-03-09T02:30:00-04:00'],
    ['0 0 * * *', 'America/New_York', '2026-03-08T00:00:00-05:00', '2026-03-09T00:00:00-04:00'],
    ['0 0 * * *', 'America/New_York', '2026-11-01T00:00:00-04:00', '2026-11-02T00:00:00-05:00'],
    ['30 1 * * *', 'America/New_York', '2026-11-01T01:30:00-04:00', '2026-11-01T01:30:00-05:00'],
    // Midnight itself does not exist in Cairo on 2026-04-24.
    ['0 1 * * *', 'Africa/Cairo', '2026-04-23T12:00:00Z', '2026-04-23T22:00:00Z'],
    ['15 10 * * *', 'Asia/Kathmandu', '2026-01-01T00:00:00Z', '2026-01-01T04:30:00Z'],
  ])('%s in %s after %s', (schedule, zone, after, want) => {
    expect(nextAfter(parseSchedule(schedule), zone, Date.parse(after))).toBe(Date.parse(want));
  });
  test('never', () => {
    expect(nextAfter(parseSchedule('0 0 30 2 *'), 'UTC', NOW)).toBeUndefined();
    expect(() => parseSchedule('61 * * * *')).toThrow('above maximum');
  });
});

test.each([
  ['Etc/UTC', '2026-01-01T12:00:00Z'],
  ['Europe/London', '2026-01-01T12:00:00Z'],
  ['Europe/London', '2026-07-01T13:00:00+01:00'],
  ['America/St_Johns', '2026-01-01T08:30:00-03:30'],
  ['Asia/Kathmandu', '2026-01-02T00:15:00+05:45'],
])('a clock in %s shows %s', (zone, want) => {
  expect(zonedTime(Date.parse(want), zone)).toBe(want);
});

test.each<[string, string, string | undefined, boolean]>([
  ['*/10 * * * *', '2026-01-01T11:55:00Z', '2026-01-01T12:00:00Z', false],
  ['*/10 * * * *', '2026-01-01T12:00:00Z', undefined, false],
  ['0 * * * *', '2026-01-01T08:30:00Z', '2026-01-01T12:00:00Z', false],
  ['* * * * *', '2025-06-01T00:00:00Z', '2026-01-01T12:00:00Z', true],
  // Irregular: the last of the year before.
  ['0 0 1-3 12 *', '2024-11-01T00:00:00Z', '2025-12-03T00:00:00Z', true],
])('%s, nothing started since %s', (schedule, earliest, at, many) => {
  const due = dueAt(parseSchedule(schedule), 'UTC', { earliest: Date.parse(earliest), now: NOW });
  expect([due.at && new Date(due.at).toISOString().replace('.000', ''), due.tooManyMissed]).toEqual([at, many]);
});

test.each([
  ['not due', 1000, undefined, 2600],
  ['due', 3700, 100, 3500],
  ['late by several', 8000, 800, 2800],
])('an interval counts from the last start, not from the look at it: %s', (_, since, at, next) => {
  const due = dueAt(parseSchedule('@every 1h'), 'UTC', { earliest: NOW - since * 1000, now: NOW });
  const seconds = (t: number | undefined): number | undefined => t && (t - NOW) / 1000;
  expect([seconds(due.at), seconds(due.next)]).toEqual([at && -at, next]);
});

const cronJob = (spec: object = {}, status: CronJob['status'] = {}): Stored<CronJob> =>
  ({
    metadata: { namespace: 'ns', name: 'c', uid: 'c', creationTimestamp: ago(3600) },
    spec: {
      schedule: '*/30 * * * *',
      timeZone: 'UTC',
      concurrencyPolicy: 'Allow',
      jobTemplate: { metadata: { labels: { a: 'b' } }, spec: { completions: 2 } },
      ...spec,
    },
    status,
  }) as unknown as Stored<CronJob>;
const job = (name: string, end?: 'Complete' | 'Failed', age = 60): Stored<Job> =>
  ({
    metadata: { namespace: 'ns', name, uid: name, creationTimestamp: ago(age) },
    status: {
      startTime: ago(age),
      ...(end ? { conditions: [{ type: end, status: 'True' }], completionTime: ago(age - 1) } : {}),
    },
  }) as unknown as Stored<Job>;

describe('whether a job is started', () => {
  const since = (seconds: number) => ({ lastScheduleTime: ago(seconds) });
  test.each<[string, Stored<CronJob>, number, object]>([
    ['due', cronJob({}, since(1800)), 0, { at: NOW, replace: false, next: NOW + 1800_000 }],
    ['not due', cronJob({}, since(0)), 0, { next: NOW + 1800_000 }],
    ['one of several missed', cronJob({ schedule: '15 * * * *' }, since(9000)), 0, { at: NOW - 45 * 60_000 }],
    ['too late', cronJob({ schedule: '45 * * * *', startingDeadlineSeconds: 600 }, since(7200)), 0, { at: undefined }],
    [
      'in time',
      cronJob({ schedule: '55 * * * *', startingDeadlineSeconds: 600 }, since(7200)),
      0,
      { at: NOW - 300_000 },
    ],
    ['an interval, in time', cronJob({ schedule: '@every 1h', startingDeadlineSeconds: 60 }), 0, { at: NOW }],
    [
      'an interval, too late',
      cronJob({ schedule: '@every 50m', startingDeadlineSeconds: 60 }),
      0,
      { at: undefined, next: NOW + 40 * 60_000 },
    ],
    [
      'forbidden',
      cronJob({ concurrencyPolicy: 'Forbid' }, since(1800)),
      1,
      { at: undefined, notes: [['Normal', 'JobAlreadyActive', expect.any(String)]] },
    ],
    ['replaced', cronJob({ concurrencyPolicy: 'Replace' }, since(1800)), 1, { at: NOW, replace: true }],
    ['beside others', cronJob({}, since(1800)), 3, { at: NOW }],
    ['suspended', cronJob({ suspend: true }, since(1800)), 0, { notes: [] }],
    [
      'no such zone',
      cronJob({ timeZone: 'Mars/Base' }, since(1800)),
      0,
      { notes: [['Warning', 'UnknownTimeZone', expect.any(String)]] },
    ],
    [
      'no such schedule',
      cronJob({ schedule: 'soon' }),
      0,
      { notes: [['Warning', 'UnparseableSchedule', expect.any(String)]] },
    ],
    [
      'many missed',
      cronJob({ schedule: '* * * * *' }, since(7200)),
      0,
      { at: NOW, notes: [['Warning', 'TooManyMissedTimes', expect.any(String)]] },
    ],
  ])('%s', (_, cj, active, want) => {
    expect({ at: undefined, ...planStart(cj, active, NOW) }).toMatchObject(want);
  });
});

test('the list of active jobs follows the jobs', () => {
  const active = ['run', 'done', 'lost'].map((uid) => ({ uid, name: uid }));
  const cj = cronJob({}, { active, lastSuccessfulTime: ago(5000) });
  const { status, notes, unseen } = review(cj, [
    job('run'),
    job('done', 'Complete'),
    job('other'),
    job('old', 'Failed'),
  ]);
  expect(status.active?.map((r) => r.uid)).toEqual(['run', 'lost']);
  expect(status.lastSuccessfulTime).toBe(ago(59));
  expect(unseen).toEqual(['lost']);
  expect(notes.map((n) => n[2])).toEqual([
    'Saw completed job: done, condition: Complete',
    'Saw a job that the controller did not create or forgot: other',
  ]);
});

test('a job that was started but not written down is not forgotten, nor is its time', () => {
  const cj = cronJob({ concurrencyPolicy: 'Forbid' }, { lastScheduleTime: ago(1800) });
  const started = (uid: string, at: number) => ({
    ...job(uid),
    metadata: { ...job(uid).metadata, ...jobFor(cj, at).metadata, uid },
  });
  const ending = started('ending', NOW - 60_000);
  ending.metadata.deletionTimestamp = ago(1);
  const { status, notes } = review(cj, [started('lost', NOW - 120_000) as Stored<Job>, ending as Stored<Job>]);
  expect(status).toMatchObject({ active: [{ uid: 'lost' }], lastScheduleTime: ago(120) });
  expect(notes.map((n) => n[1])).toEqual(['UnexpectedJob']);
});

test('a job is named by the minute it was due in', () => {
  expect(jobFor(cronJob({ timeZone: 'Asia/Kolkata' }), NOW)).toMatchObject({
    metadata: {
      name: `c-${NOW / 60_000}`,
      namespace: 'ns',
      labels: { a: 'b' },
      annotations: { 'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-01-01T17:30:00+05:30' },
      ownerReferences: [{ kind: 'CronJob', uid: 'c', controller: true }],
    },
    spec: { completions: 2 },
  });
});

test.each<[number | undefined, number | undefined, string[]]>([
  [1, 1, ['s3', 's2', 'f2']],
  [0, 5, ['s3', 's2', 's1']],
  [undefined, undefined, []],
])('history limits %s and %s', (successful, failed, gone) => {
  const jobs = [
    job('s1', 'Complete', 10),
    job('s2', 'Complete', 20),
    job('s3', 'Complete', 30),
    job('run', undefined, 99),
  ];
  jobs.push(job('f1', 'Failed', 10), job('f2', 'Failed', 20));
  const limits = { successfulJobsHistoryLimit: successful, failedJobsHistoryLimit: failed };
  expect(surplusHistory(cronJob(limits), jobs).map((j) => j.metadata.name)).toEqual(gone);
});
