import { expect, test } from 'vitest';
import type { Job } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { ago, NOW } from '../fixtures.ts';
import { expiry } from './controller.ts';

const job = (ttl: number | undefined, type: string, status = 'True'): Stored<Job> =>
  ({
    metadata: {},
    spec: { ttlSecondsAfterFinished: ttl },
    status: { conditions: [{ type, status, lastTransitionTime: ago(10) }] },
  }) as unknown as Stored<Job>;

test.each<[number | undefined, string, string, number | undefined]>([
  [30, 'Complete', 'True', NOW + 20_000],
  [0, 'Failed', 'True', NOW - 10_000],
  [30, 'SuccessCriteriaMet', 'True', undefined],
  [30, 'Complete', 'False', undefined],
  [undefined, 'Complete', 'True', undefined],
])('ttl %s and %s=%s', (ttl, type, status, want) => {
  expect(expiry(job(ttl, type, status))).toBe(want);
});
