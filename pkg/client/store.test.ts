import { expect, test } from 'vitest';
import { ObjectStore } from './store.ts';
import { type Thing, thing } from './stub-server.ts';

test('indexes follow every change', () => {
  const store = new ObjectStore<Thing>();
  store.set('default/a', thing('a', 1, { data: 'x' }));
  store.addIndex('data', (o) => (o.data ? o.data.split(',') : []));
  const names = (value: string) => store.byIndex('data', value).map((o) => o.metadata.name);
  expect(names('x')).toEqual(['a']);
  store.set('default/b', thing('b', 2, { data: 'x,y' }));
  expect(names('x')).toEqual(['a', 'b']);
  store.set('default/a', thing('a', 3, { data: 'y' }));
  expect(names('x')).toEqual(['b']);
  expect(names('y')).toEqual(['b', 'a']);
  store.delete('default/b');
  expect(names('x')).toEqual([]);
  expect(names('y')).toEqual(['a']);
  expect(store.byIndex('nothing', 'x')).toEqual([]);
  expect(store.size).toBe(1);
});

test('namespaces', () => {
  const store = new ObjectStore<Thing>();
  store.set('one/a', thing('one/a', 1));
  store.set('two/a', thing('two/a', 2));
  expect(store.get('a', 'two')?.metadata.resourceVersion).toBe('2');
  expect(store.get('a')).toBeUndefined();
  expect([...store.list('one')].map((o) => o.metadata.namespace)).toEqual(['one']);
  expect([...store.list()]).toHaveLength(2);
  expect([...store.list('three')]).toEqual([]);
  store.set('one/b', thing('one/b', 3));
  store.set('one/a', thing('one/a', 4));
  const versions = () => [...store.list('one')].map((o) => `${o.metadata.name}${o.metadata.resourceVersion}`);
  expect(versions()).toEqual(['a4', 'b3']);
  store.delete('one/a');
  expect(versions()).toEqual(['b3']);
});
