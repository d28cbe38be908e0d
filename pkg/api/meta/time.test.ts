import { expect, test } from 'vitest';
import { canonicalTime, formatTime, parseTime } from './time.ts';

test.each([
  ['2026-11-20T10:00:00Z', false, '2026-11-20T10:00:00Z'],
  ['2026-11-20T10:00:00.999Z', false, '2026-11-20T10:00:00Z'],
  ['2026-11-20T10:00:00+02:00', false, '2026-11-20T08:00:00Z'],
  ['2026-11-20t10:00:00z', false, '2026-11-20T10:00:00Z'],
  ['2026-11-20T10:00:00Z', true, '2026-11-20T10:00:00.000000Z'],
  ['2026-11-20T10:00:00.123456Z', true, '2026-11-20T10:00:00.123456Z'],
  ['2026-11-20T10:00:00.123456789-01:00', true, '2026-11-20T11:00:00.123456Z'],
])('%s (micro %s) is %s', (text, micro, want) => expect(canonicalTime(text, micro)).toBe(want));

test.each(['', 'yesterday', '2026-11-20', '2026-11-20T10:00:00', '2026-13-01T00:00:00Z', '2026-02-30T00:00:00Z'])(
  '%j is no time',
  (text) => expect(canonicalTime(text)).toBeUndefined(),
);

test('an instant keeps its nanoseconds', () => {
  const t = parseTime('1969-12-31T23:59:59.5Z');
  expect(t).toEqual({ seconds: -1, nanos: 500_000_000 });
  expect(formatTime({ seconds: -1, nanos: 5e8 }, true)).toBe('1969-12-31T23:59:59.500000Z');
});
