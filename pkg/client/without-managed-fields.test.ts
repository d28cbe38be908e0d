import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { IN_EVENT, IN_LIST, withoutManagedFields } from './without-managed-fields.ts';

const FIELDS = [{ manager: 'a"]}\\', fieldsV1: { 'k:{"ip":"1"}': { '.': {} } } }];
const cut = (o: unknown): unknown => JSON.parse(withoutManagedFields(JSON.stringify(o), IN_EVENT));
const event = (object: unknown) => ({ type: 'ADDED', object });

describe('managedFields', () => {
  test.each([
    [{ name: 'x', managedFields: FIELDS }, { name: 'x' }],
    [{ managedFields: FIELDS, name: 'x' }, { name: 'x' }],
    [{ managedFields: FIELDS }, {}],
    [
      { a: '1', managedFields: [], name: 'x' },
      { a: '1', name: 'x' },
    ],
    [{ name: '"managedFields":[' }, { name: '"managedFields":[' }],
    [{ annotations: { managedFields: FIELDS } }, { annotations: { managedFields: FIELDS } }],
  ])('%j', (metadata, left) => {
    expect(cut(event({ kind: 'x', metadata, spec: { a: 1 } }))).toEqual(
      event({ kind: 'x', metadata: left, spec: { a: 1 } }),
    );
  });

  test('of the same name elsewhere are left alone', () => {
    const spec = { managedFields: FIELDS, metadata: { managedFields: FIELDS } };
    expect(cut(event({ spec, metadata: { name: 'x' } }))).toEqual(event({ spec, metadata: { name: 'x' } }));
    expect(cut(event({ metadata: { managedFields: FIELDS }, spec }))).toEqual(event({ metadata: {}, spec }));
    expect(cut({ object: { spec, metadata: { managedFields: FIELDS, name: 'x' } }, type: 'ADDED' })).toEqual({
      object: { spec, metadata: { name: 'x' } },
      type: 'ADDED',
    });
  });

  const json = fc.jsonValue({ maxDepth: 4 });
  property.prop([fc.array(fc.tuple(fc.dictionary(fc.string(), json), json, fc.boolean()), { maxLength: 5 })], {
    seed: 1,
  })('are cut out of every item of any list, and nothing else is', (items) => {
    const item = ([metadata, spec, first]: (typeof items)[number], more: object) => {
      const { managedFields: _, ...rest } = metadata;
      const meta = first ? { ...more, ...rest } : { ...rest, ...more };
      return { kind: 'x', metadata: meta, spec, status: { managedFields: FIELDS } };
    };
    const list = (more: object) => ({
      kind: 'L',
      metadata: { resourceVersion: '1' },
      items: items.map((i) => item(i, more)),
    });
    const text = withoutManagedFields(JSON.stringify(list({ managedFields: FIELDS })), IN_LIST);
    expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(list({}))));
  });
});
