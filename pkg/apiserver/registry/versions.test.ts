import { describe, expect, test } from 'vitest';
import { HorizontalPodAutoscalers } from '#api/kinds/index.ts';
import { HorizontalPodAutoscalersV1 } from '#api/kinds/versions/autoscaler.ts';
import type { KubeObject, ManagedFieldsEntry } from '#api/meta/objectmeta.ts';
import { applyPatch } from '#api/patch/apply.ts';
import { trackUpdate } from '#api/patch/managedfields/track.ts';
import { makeResource, makeView, ResourceTable } from './resource.ts';
import { versionsIn } from './versions.ts';

const resources = new ResourceTable();
const stored = makeResource(HorizontalPodAutoscalers as never, {} as never, {} as never);
const v1 = makeView(HorizontalPodAutoscalersV1 as never, HorizontalPodAutoscalersV1.storedAs as never, stored);
for (const r of [stored, v1]) resources.add(r);
const inVersion = versionsIn(resources);

const CPU = { 'f:spec': { 'f:targetCPUUtilizationPercentage': {} } };
const entry = (manager: string, apiVersion: string, fieldsV1: object = CPU): ManagedFieldsEntry =>
  ({ manager, operation: 'Update', apiVersion, fieldsType: 'FieldsV1', fieldsV1 }) as ManagedFieldsEntry;
const object = (averageUtilization: number, maxReplicas = 5): KubeObject => {
  const target = { type: 'Utilization', averageUtilization };
  const metrics = [{ type: 'Resource', resource: { name: 'cpu', target } }];
  return { metadata: { name: 'h' }, spec: { maxReplicas, metrics } } as KubeObject;
};
const how = { hasStatus: true, subresource: '', now: 'T' };

describe('managers who wrote in another version', () => {
  const owners = (managedFields: ManagedFieldsEntry[], next: KubeObject): string[] =>
    trackUpdate({
      ...how,
      ...{ schema: stored.kind.schema, apiVersion: stored.apiVersion, manager: 'writer', managedFields },
      ...{ old: object(50), new: next, inVersion: inVersion(stored) },
    }).map((e) => e.manager ?? '');

  test('lose what changes by the names of their version, and nothing else', () => {
    expect(owners([entry('old', 'autoscaling/v1')], object(60))).toEqual(['writer']);
    expect(owners([entry('old', 'autoscaling/v1')], object(50, 6))).toEqual(['old', 'writer']);
  });

  test('own nothing any more when there is no such version', () => {
    const gone = ['autoscaling/v9', 'extensions/v1', 'v1'];
    const entries = gone.map((apiVersion) => entry(apiVersion, apiVersion));
    expect(owners(entries, object(50, 6))).toEqual(['writer']);
  });

  test('are asked before an apply takes their fields, and named by their own names for them', () => {
    const apply = (force: boolean, averageUtilization: number) =>
      applyPatch({
        ...how,
        ...{ schema: stored.kind.schema, apiVersion: stored.apiVersion, manager: 'new', force },
        ...{ live: object(50), managedFields: [entry('old', 'autoscaling/v1')] },
        ...{ applied: object(averageUtilization), inVersion: inVersion(stored) },
      }).managedFields.map((e) => e.manager);
    const message = expect.stringContaining(
      'conflict with "old" using autoscaling/v1: .spec.targetCPUUtilizationPercent',
    );
    expect(() => apply(false, 60)).toThrow(expect.objectContaining({ message }));
    expect(apply(true, 60)).toEqual(['new']);
    expect(apply(false, 50)).toEqual(['new', 'old']);
  });

  test('the other way round: an apply through the older version', () => {
    const live = v1.storedAs?.fromStored(object(50) as never) as KubeObject;
    const spec = { maxReplicas: 5, targetCPUUtilizationPercentage: 60 };
    const apply = () =>
      applyPatch({
        ...how,
        ...{ schema: v1.kind.schema, apiVersion: v1.apiVersion, manager: 'new', force: false, live },
        ...{ managedFields: [entry('old', stored.apiVersion, { 'f:spec': { 'f:metrics': {} } })] },
        ...{ applied: { metadata: { name: 'h' }, spec } as KubeObject, inVersion: inVersion(v1) },
      });
    expect(apply).toThrow('conflict with "old" using autoscaling/v2: .spec.metrics');
  });
});

test('of custom resources nothing is said: who converts them may be far away', () => {
  const custom = { ...stored, kind: { ...stored.kind, custom: true } };
  expect(inVersion(custom)('autoscaling/v1')).toBe(undefined);
});
