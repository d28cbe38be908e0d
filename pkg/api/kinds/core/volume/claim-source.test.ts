import { expect, test } from 'vitest';
import { created, spoiled, texts, updated } from '../../fixtures.ts';
import { PersistentVolumeClaims } from './claim.ts';

const claim = {
  metadata: { name: 'c', namespace: 'default' },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
};
const other = { kind: 'PersistentVolumeClaim', name: 'a' };
const snapshot = { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: 'a' };
const foreign = { apiGroup: 'example.com', kind: 'Image', name: 'a' };

test.each<[string, object, object]>([
  ['the older field', { dataSource: snapshot }, { dataSource: snapshot, dataSourceRef: snapshot }],
  ['the newer field', { dataSourceRef: other }, { dataSource: other, dataSourceRef: other }],
  ['any kind in the newer field', { dataSourceRef: foreign }, { dataSource: foreign, dataSourceRef: foreign }],
  ['any kind in the older field', { dataSource: foreign }, {}],
  [
    'both, of which only one can be',
    { dataSource: foreign, dataSourceRef: other },
    { dataSource: other, dataSourceRef: other },
  ],
  ['another namespace, which is off', { dataSourceRef: { ...other, namespace: 'n' } }, {}],
])('a source given by %s', (_, given, want) => {
  const { object, problems } = created(PersistentVolumeClaims, { ...claim, spec: { ...claim.spec, ...given } });
  expect(texts(problems)).toEqual([]);
  const { dataSource, dataSourceRef } = object.spec ?? {};
  expect(JSON.parse(JSON.stringify({ dataSource, dataSourceRef }))).toEqual(want);
});

test('a client that knows one field only can write back what it has read', () => {
  const old = created(PersistentVolumeClaims, spoiled(claim, { 'spec.dataSourceRef': foreign })).object;
  const { object, problems } = updated(PersistentVolumeClaims, old, (o) => {
    delete o.spec?.dataSourceRef;
  });
  expect(texts(problems)).toEqual([]);
  expect(object.spec?.dataSourceRef).toEqual(foreign);
});

test('a source in another namespace stays where there was one', () => {
  const old = created(PersistentVolumeClaims, claim).object;
  const far = { ...foreign, namespace: 'n' };
  const ask = (o: typeof old) => {
    if (o.spec) o.spec.dataSourceRef = { ...far };
  };
  expect(updated(PersistentVolumeClaims, old, ask).object.spec?.dataSourceRef).toBeUndefined();
  ask(old);
  expect(updated(PersistentVolumeClaims, old, () => {}).object.spec?.dataSourceRef).toEqual(far);
});

test.each<[Record<string, unknown>, RegExp]>([
  [{ 'spec.dataSource': { ...other, name: '' } }, /spec\.dataSource\.name: Required value/],
  [{ 'spec.dataSourceRef': { kind: 'Image', name: 'a' } }, /must be 'PersistentVolumeClaim' when referencing the def/],
  [{ 'spec.dataSourceRef': { ...foreign, apiGroup: 'a_b' } }, /spec\.dataSourceRef\.apiGroup: Invalid value/],
  [{ 'spec.dataSource': other, 'spec.dataSourceRef': snapshot }, /spec: Invalid value: .*must match dataSourceRef/],
  [{ 'spec.selector': { matchExpressions: [{ key: 'a', operator: 'Near' }] } }, /spec\.selector\.matchExpressions/],
])('%j', (changes, complaint) => {
  expect(texts(created(PersistentVolumeClaims, spoiled(claim, changes)).problems).join('\n')).toMatch(complaint);
});
