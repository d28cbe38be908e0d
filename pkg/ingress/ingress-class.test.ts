import { expect, test } from 'vitest';
import { type Ingress, type IngressClass, IngressClasses } from '#api/kinds/index.ts';
import { DEFAULT_INGRESS_CLASS } from '#api/meta/default-class.ts';
import { errors } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Client, Lister } from '#client/types.ts';
import { CONTROLLER, ensureClass, isServed } from './ingress-class.ts';

const klass = (name: string, controller: string, annotations = {}): Stored<IngressClass> =>
  ({ metadata: { name, annotations }, spec: { controller } }) as Stored<IngressClass>;
const lister = (...all: Stored<IngressClass>[]): Lister<IngressClass> =>
  ({
    get: (name: string) => all.find((c) => c.metadata.name === name),
    list: () => all,
  }) as unknown as Lister<IngressClass>;
const OURS = klass('ours', CONTROLLER);
const OTHER = klass('other', 'example.com/proxy');
const DEFAULT = { [DEFAULT_INGRESS_CLASS]: 'true' };

test.each<[string, { field?: string; annotation?: string }, boolean]>([
  ['a class of ours', { field: 'ours' }, true],
  ['one of another controller', { field: 'other' }, false],
  ['one that is not there', { field: 'none' }, false],
  ['a class of ours, as it was told before there was a field', { annotation: 'ours' }, true],
  ['both: the field counts', { field: 'other', annotation: 'ours' }, false],
  ['none', {}, false],
])('an Ingress that names %s', (_, { field, annotation }, served) => {
  const ingress: Ingress = {
    metadata: { name: 'i', ...(annotation ? { annotations: { 'kubernetes.io/ingress.class': annotation } } : {}) },
    spec: { ...(field ? { ingressClassName: field } : {}) },
  };
  expect(isServed(ingress, lister(OURS, OTHER))).toBe(served);
});

test.each<[string, Stored<IngressClass>[], object[]]>([
  ['there is none: the default', [], [DEFAULT]],
  ['another one is not the default: ours is', [OTHER], [DEFAULT]],
  ['another one is the default: it stays', [klass('other', 'x', DEFAULT)], [{}]],
  ['one of ours has another name: it is enough', [OURS], []],
  ['somebody else has the name: it is his', [klass('mine', 'x')], []],
])('the class at the start, when %s', async (_, present, made) => {
  const created: IngressClass[] = [];
  const client = { create: async (_kind: unknown, o: IngressClass) => created.push(o) } as unknown as Client;
  await ensureClass(client, lister(...present), 'mine');
  expect(created).toEqual(
    made.map((annotations) => ({ metadata: { name: 'mine', annotations }, spec: { controller: CONTROLLER } })),
  );
});

test('another instance may make it first', async () => {
  const fails = (e: Error) => ({ create: () => Promise.reject(e) }) as unknown as Client;
  await ensureClass(fails(errors.alreadyExists(IngressClasses, 'mine')), lister(), 'mine');
  await expect(ensureClass(fails(new Error('no route')), lister(), 'mine')).rejects.toThrow('no route');
});
