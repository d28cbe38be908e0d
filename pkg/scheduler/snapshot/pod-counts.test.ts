import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { makeNode, makePod, makeState } from '../fixtures.ts';
import { PodCounts, type PodQuery } from './pod-counts.ts';

const query = (app: string, namespaces: string[] | null = ['ns']): PodQuery => ({
  key: `${app} ${namespaces}`,
  namespaces,
  matches: (p) => p.metadata.labels?.app === app,
});
const pod = (name: string, app: string, namespace = 'ns') => makePod(name, { labels: { app }, namespace });
const shown = (counts: ReadonlyMap<string, number>) => Object.fromEntries(counts);

test('a question is counted once, then kept', () => {
  const counts = new PodCounts();
  counts.added(pod('x', 'web'), 'a');
  let asked = 0;
  const q: PodQuery = { ...query('web'), matches: (p) => ++asked > 0 && p.metadata.labels?.app === 'web' };
  expect(shown(counts.of(q))).toEqual({ a: 1 });
  counts.of(q);
  expect(asked).toBe(1);
  counts.added(pod('y', 'web'), 'a');
  counts.added(pod('z', 'web', 'other'), 'b');
  counts.removed(pod('x', 'web'), 'a');
  expect(shown(counts.of(q))).toEqual({ a: 1 });
});

test('questions about everywhere', () => {
  const counts = new PodCounts();
  counts.added(pod('x', 'web'), 'a');
  expect(shown(counts.of(query('web', null)))).toEqual({ a: 1 });
  counts.added(pod('y', 'web', 'other'), 'a');
  expect(shown(counts.of(query('web', null)))).toEqual({ a: 2 });
});

test('the oldest question is forgotten, and right when it is asked again', () => {
  const counts = new PodCounts(2);
  counts.added(pod('x', 'web'), 'a');
  for (const app of ['web', 'db', 'cache']) counts.of(query(app));
  counts.added(pod('y', 'web'), 'b');
  expect(shown(counts.of(query('web')))).toEqual({ a: 1, b: 1 });
});

const step = fc.tuple(fc.constantFrom('set', 'remove', 'assume', 'forget', 'suppose'), fc.nat(9), fc.nat(2), fc.nat(1));
property.prop([fc.array(step, { maxLength: 60 })])(
  'kept counts are those of a fresh look, whatever happens',
  (steps) => {
    const state = makeState([makeNode('n0'), makeNode('n1'), makeNode('n2')]);
    const web = query('web');
    state.counts.of(web);
    const version = (i: number, node: number, app: number): Stored<Pod> =>
      makePod(`p${i}`, { labels: { app: app ? 'web' : 'db' }, spec: { nodeName: `n${node}` } });
    for (const [what, i, node, app] of steps) {
      const p = version(i, node, app);
      if (what === 'set') state.setPod(p);
      else if (what === 'remove') state.removePod(p.metadata.uid);
      else if (what === 'assume') state.assume(p, `n${node}`);
      else if (what === 'forget') state.forget(p.metadata.uid);
      else {
        state.suppose((change) => {
          for (const other of state.nodes()[node]?.pods.values() ?? []) change.remove(other);
          change.add(makePod('guest', { labels: { app: 'web' } }), `n${node}`);
        });
      }
    }
    const fresh: Record<string, number> = {};
    for (const n of state.nodes()) {
      const count = [...n.pods.values()].filter(web.matches).length;
      if (count > 0) fresh[n.name] = count;
    }
    expect(shown(state.counts.of(web))).toEqual(fresh);
  },
);

test('sums by label follow pods and nodes', () => {
  const zones = new Map([
    ['a', '1'],
    ['b', '1'],
    ['c', '2'],
  ]);
  const counts = new PodCounts(10, (node, label) => (label === 'zone' ? zones.get(node) : undefined));
  const query: PodQuery = { key: 'web', namespaces: ['ns'], matches: (p) => p.metadata.labels?.app === 'web' };
  const web = (name: string) => makePod(name, { labels: { app: 'web' } });
  const sums = () => Object.fromEntries(counts.domains(query, 'zone'));
  counts.added(web('p'), 'a');
  expect(sums()).toEqual({ 1: 1 });
  counts.added(web('q'), 'b');
  counts.added(web('r'), 'c');
  counts.added(web('s'), 'nowhere');
  counts.added(makePod('other'), 'c');
  expect(sums()).toEqual({ 1: 2, 2: 1 });
  counts.removed(web('p'), 'a');
  expect(sums()).toEqual({ 1: 1, 2: 1 });
  zones.set('b', '2').set('nowhere', '3');
  counts.nodesChanged();
  expect(sums()).toEqual({ 2: 2, 3: 1 });
  expect(Object.fromEntries(counts.domains(query, 'rack'))).toEqual({});
});
