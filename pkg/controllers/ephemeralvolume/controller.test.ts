import { expect, test } from 'vitest';
import type { PersistentVolumeClaim, Volume } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { foreignClaim } from '#api/scheduling/volume-match.ts';
import { pod } from '../fixtures.ts';
import { claimFor } from './controller.ts';

const volume = {
  name: 'data',
  ephemeral: {
    volumeClaimTemplate: { metadata: { labels: { a: 'b' } }, spec: { accessModes: ['ReadWriteOnce'] } },
  },
} as unknown as Volume;
const p = pod({ name: 'p' });
const withVolume = { ...p, spec: { ...p.spec, volumes: [volume] } } as typeof p;

test('a claim is the pod’s own, after the template', () => {
  const claim = claimFor(withVolume, volume);
  expect(claim).toMatchObject({
    metadata: {
      name: 'p-data',
      labels: { a: 'b' },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: p.metadata.uid, controller: true }],
    },
    spec: { accessModes: ['ReadWriteOnce'] },
  });
  expect(foreignClaim(withVolume, claim as Stored<PersistentVolumeClaim>)).toBeUndefined();
});

test('a claim of that name that is another’s is told from it; one that is named is nobody’s', () => {
  const other = { metadata: { name: 'p-data', namespace: 'ns' } };
  expect(foreignClaim(withVolume, other)).toContain('was not created for pod');
  expect(foreignClaim(withVolume, { metadata: { name: 'x', namespace: 'ns' } })).toBeUndefined();
});
