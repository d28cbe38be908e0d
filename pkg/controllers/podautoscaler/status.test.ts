import { expect, test } from 'vitest';
import { NOW } from '../fixtures.ts';
import { StatusDraft } from './status.ts';

const reasons = (draft: StatusDraft) =>
  Object.fromEntries((draft.status.conditions ?? []).map((c) => [c.type, `${c.status} ${c.reason}`]));

test('what was found before an obstacle is kept', () => {
  const draft = new StatusDraft(undefined, NOW);
  draft.condition('AbleToScale', true, ['SucceededGetScale', 'seen']);
  draft.set({ currentReplicas: 2 });
  draft.condition('ScalingActive', false, ['FailedGetResourceMetric', 'why']);
  expect(draft.status).toMatchObject({ currentReplicas: 2, desiredReplicas: 0, currentMetrics: [] });
  expect(reasons(draft)).toEqual({
    AbleToScale: 'True SucceededGetScale',
    ScalingActive: 'False FailedGetResourceMetric',
  });
});

test('the time of a condition moves when it turns, its place stays', () => {
  const first = new StatusDraft(undefined, NOW);
  first.condition('AbleToScale', true, ['A', '']);
  first.condition('ScalingActive', true, ['B', '']);
  const later = new StatusDraft(first.status, NOW + 60_000);
  later.condition('AbleToScale', true, ['C', '']);
  later.condition('ScalingActive', false, ['D', '']);
  const [able, active] = later.status.conditions ?? [];
  expect(able).toMatchObject({ reason: 'C', lastTransitionTime: first.status.conditions?.[0]?.lastTransitionTime });
  expect(active).toMatchObject({ reason: 'D', lastTransitionTime: '2026-01-01T12:01:00Z' });
});

test.each([
  [{ replicas: 2 }, false, 'ReadyForNewScale', 'False DesiredWithinRange'],
  [{ replicas: 2, stabilized: 'down' as const }, false, 'ScaleDownStabilized', 'False DesiredWithinRange'],
  [{ replicas: 2, stabilized: 'up' as const }, false, 'ScaleUpStabilized', 'False DesiredWithinRange'],
  [{ replicas: 5, limited: ['TooManyReplicas', 'm'] as const }, true, 'SucceededRescale', 'True TooManyReplicas'],
])('%j, rescaled: %s', (outcome, rescaled, able, limited) => {
  const draft = new StatusDraft(undefined, NOW);
  draft.decided(outcome, rescaled);
  expect(reasons(draft)).toEqual({ AbleToScale: `True ${able}`, ScalingLimited: limited });
  expect(draft.status.desiredReplicas).toBe(outcome.replicas);
  expect(draft.status.lastScaleTime !== undefined).toBe(rescaled);
});
