import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import type { FlowControl } from './flow/control.ts';
import { apiMetrics } from './metrics.ts';

test('the names of resources that are kept are bounded', async () => {
  const registry = new Registry();
  const metrics = apiMetrics(registry, () => 0, { usage: () => new Map() } as unknown as FlowControl);
  for (let i = 0; i < 6000; i++) metrics.observe({ verb: 'get', resource: `made-up-${i}`, code: 403 }, 0.1);
  metrics.observe({ verb: 'get', resource: 'made-up-1', code: 403 }, 0.1);
  const found = await registry.getSingleMetric('apiserver_request_total')?.get();
  const count = (resource: string) => found?.values.find((v) => v.labels.resource === resource)?.value;
  expect(found?.values.length).toBe(5001);
  expect([count('made-up-1'), count('made-up-5999'), count('')]).toEqual([2, undefined, 1000]);
});
