import { describe, expect, test } from 'vitest';
import type { Node, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { NodeSummary } from './agents.ts';
import { nodeMetrics, podMetrics } from './objects.ts';

const time = '2026-01-02T00:00:00Z';
const measured = (nano: number | undefined, bytes: number, windowMs = 5000) => ({
  cpu: { time, windowMs, ...(nano === undefined ? {} : { usageNanoCores: nano }) },
  memory: { workingSetBytes: bytes },
});
const summary: NodeSummary = {
  node: measured(1_500_000_000, 1 << 30),
  pods: [
    {
      podRef: { name: 'p', namespace: 'ns', uid: 'u' },
      containers: [
        { name: 'a', ...measured(250_000, 2048, 15_250) },
        { name: 'new', ...measured(undefined, 4096) },
      ],
    },
    { podRef: { name: 'starting', namespace: 'ns', uid: 's' }, containers: [{ name: 'a', ...measured(undefined, 1) }] },
  ],
};
const pod = (uid: string) =>
  ({ metadata: { name: 'p', namespace: 'ns', uid, labels: { a: 'b' } } }) as unknown as Stored<Pod>;

describe('metrics of pods', () => {
  test('have the labels of the pod, and of its containers those that have a rate', () => {
    expect(podMetrics(pod('u'), summary)).toEqual({
      kind: 'PodMetrics',
      apiVersion: 'metrics.k8s.io/v1beta1',
      metadata: { name: 'p', namespace: 'ns', creationTimestamp: time, labels: { a: 'b' } },
      timestamp: time,
      window: '15.25s',
      containers: [{ name: 'a', usage: { cpu: '250000n', memory: '2Ki' } }],
    });
  });

  test.each(['s', 'another of the same name'])('are not there without any: %s', (uid) => {
    expect(podMetrics(pod(uid), summary)).toBeUndefined();
  });
});

test('metrics of a node', () => {
  const node = { metadata: { name: 'n' } } as Stored<Node>;
  expect(nodeMetrics(node, summary)).toMatchObject({
    window: '5s',
    usage: { cpu: '1500000000n', memory: '1048576Ki' },
  });
  expect(nodeMetrics(node, { ...summary, node: {} })).toBeUndefined();
});
