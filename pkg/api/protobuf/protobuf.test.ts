import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { apiVersionOf } from '../kind.ts';
import { builtinKinds } from '../kinds/index.ts';
import { DeleteOptions, metaTypes } from '../meta/options.ts';
import { arbitraryOf } from '../schema/arbitrary.ts';
import { jsonFields } from '../schema/decode.ts';
import { setOwn } from '../schema/own.ts';
import {
  arr,
  bool,
  duration,
  f,
  int32,
  int64,
  map,
  objectsIn,
  req,
  resolveLazy,
  type Schema,
  str,
  time,
} from '../schema/schema.ts';
import { decodeProtobuf } from './decode.ts';
import { encodeMessage, encodeProtobuf, encodeProtobufList } from './encode.ts';

const schemaOf = ({ apiVersion, kind }: { apiVersion: string; kind: string }) =>
  builtinKinds.find((k) => k.kind === kind && apiVersionOf(k) === apiVersion)?.schema;

const decoded = (base64: string) => decodeProtobuf(schemaOf, Buffer.from(base64, 'base64'));

/** Bodies as kubectl 1.33 posted them. */
describe('what kubectl sends', () => {
  test('create deployment web --image=nginx:1.25 --replicas=0 --port=80', () => {
    const body = decoded(
      'azhzAAoVCgdhcHBzL3YxEgpEZXBsb3ltZW50Er0BCh8KA3dlYhIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViEosBCAASDAoKCgNhcHASA3dlYhpx' +
        'ChwKABIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViElESMwoFbmdpbngSCm5naW54OjEuMjUqADIKCgAQABhQIgAqAEIAagByAIABAIgBAJABAKIB' +
        'ABoAMgBCAEoAUgBYAGAAaACCAQCKAQCaAQDCAQAiAgoAKAA4ABoMCAAQABgAIAAoADgAGgAiAA==',
    );
    expect(body).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      object: {
        metadata: { name: 'web', labels: { app: 'web' } },
        spec: {
          replicas: 0,
          selector: { matchLabels: { app: 'web' } },
          template: {
            metadata: { labels: { app: 'web' } },
            spec: {
              containers: [{ name: 'nginx', image: 'nginx:1.25', ports: [{ containerPort: 80 }], resources: {} }],
            },
          },
          strategy: {},
        },
        status: {},
      },
    });
  });

  test('create configmap, with a key that is a trap in JavaScript', () => {
    const { object } = decoded(
      'azhzAAoPCgJ2MRIJQ29uZmlnTWFwEisKEQoBYxIAGgAiACoAMgA4AEIAEg4KCV9fcHJvdG9fXxIBeBIGCgFhEgFiGgAiAA==',
    );
    expect(Object.entries((object as { data: object }).data)).toEqual([
      ['__proto__', 'x'],
      ['a', 'b'],
    ]);
  });

  test('create pdb --min-available=0: a pointer to a zero IntOrString is kept', () => {
    const { object } = decoded(
      'azhzAAogCglwb2xpY3kvdjESE1BvZERpc3J1cHRpb25CdWRnZXQSMwoRCgFwEgAaACIAKgAyADgAQgASEgoGCAAQABoAEggKBgoBYRIBYhoKCAAYACAAKAAwABoAIgA=',
    );
    expect(object).toMatchObject({ spec: { minAvailable: 0, selector: { matchLabels: { a: 'b' } } } });
  });

  test('create quota --hard=cpu=1,memory=1Gi', () => {
    const { object } = decoded(
      'azhzAAoTCgJ2MRINUmVzb3VyY2VRdW90YRI0ChEKAXESABoAIgAqADIAOABCABIdCgoKA2NwdRIDCgExCg8KBm1lbW9yeRIFCgMxR2kaABoAIgA=',
    );
    expect(object).toMatchObject({ spec: { hard: { cpu: '1', memory: '1Gi' } } });
  });

  test('create priorityclass --value=0: a required zero is kept', () => {
    const { object } = decoded(
      'azhzAAolChRzY2hlZHVsaW5nLms4cy5pby92MRINUHJpb3JpdHlDbGFzcxIwChIKAnBjEgAaACIAKgAyADgAQgAQABgAIgAqFFByZWVtcHRMb3dlclByaW9yaXR5GgAiAA==',
    );
    expect(object).toEqual({ metadata: { name: 'pc' }, value: 0, preemptionPolicy: 'PreemptLowerPriority' });
  });
});

const obj = objectsIn('t');
const Inner = obj('Inner', '', { a: f(1, str, ''), n: f(2, int32, '', { ptr: true }) });
const Thing = obj('Thing', '', {
  plain: f(1, int32, ''),
  pointer: f(2, int32, '', { ptr: true }),
  written: req(3, bool, ''),
  nested: { ...f(4, Inner, ''), inline: true },
  many: f(5, arr(int64), ''),
  named: f(6, map(arr(str)), ''),
  took: f(7, duration, ''),
  at: f(8, time, ''),
  jsonOnly: f(0, str, ''),
});

const through = (object: Record<string, unknown>): unknown =>
  decodeProtobuf(() => Thing, encodeProtobuf(Thing, object)).object;

test.each<[object, object]>([
  [
    { plain: 0, pointer: 0, written: false },
    { pointer: 0, written: false },
  ],
  [
    { a: 'x', n: 0 },
    { a: 'x', n: 0 },
  ],
  [{ many: [-1, 0, 2 ** 40] }, { many: [-1, 0, 2 ** 40] }],
  [{ named: { x: ['a', 'b'], y: [] } }, { named: { x: ['a', 'b'], y: [] } }],
  [{ took: '1h0m0.5s' }, { took: '1h0m0.5s' }],
  [{ at: '1969-12-31T23:59:59Z' }, { at: '1969-12-31T23:59:59Z' }],
  [{ jsonOnly: 'x' }, {}],
  [{ at: null, many: [] }, {}],
])('%j arrives as %j', (object, want) => expect(through(object as Record<string, unknown>)).toEqual(want));

/** Go's `omitempty`: plain scalars that are zero do not come back. */
function withoutZeros(schema: Schema, value: unknown): unknown {
  const s = resolveLazy(schema);
  if (s.kind === 'array') return (value as unknown[]).map((item) => withoutZeros(s.items, item));
  if (s.kind === 'map') {
    const out: Record<string, unknown> = {};
    for (const [k, v] of Object.entries(value as object)) setOwn(out, k, withoutZeros(s.values, v));
    return out;
  }
  if (s.kind !== 'object') return value;
  const out: Record<string, unknown> = {};
  const fields = jsonFields(s);
  for (const [k, v] of Object.entries(value as object)) {
    const field = fields[k];
    if (!field) throw new Error(`${s.name} has no ${k}`);
    const scalar = ['string', 'bytes', 'bool', 'int32', 'int64', 'double'].includes(resolveLazy(field.schema).kind);
    if (scalar && !field.ptr && !field.required && (v === '' || v === 0 || v === false)) continue;
    out[k] = withoutZeros(field.schema, v);
  }
  return out;
}

test.each([...builtinKinds.map((k) => [k.kind, k.schema] as const), ...metaTypes.map((t) => [t.name, t] as const)])(
  '%s survives the trip',
  (_kind, schema) => {
    fc.assert(
      fc.property(arbitraryOf(schema), (object) => {
        const arrived = decodeProtobuf(() => schema, encodeProtobuf(schema, object)).object;
        return isDeepStrictEqual(arrived, withoutZeros(schema, object));
      }),
      { numRuns: 15 },
    );
  },
);

test('a list: metadata, then the items', () => {
  const bytes = encodeProtobufList({
    apiVersion: 't/v1',
    kind: 'ThingList',
    metadata: { resourceVersion: '7', remainingItemCount: 0 },
    items: [{ plain: 1 }, { a: 'x' }].map((o) => encodeMessage(Thing, o)),
  });
  const ListMeta = metaTypes.find((t) => t.name === 'ListMeta') ?? Inner;
  const ThingList = obj('ThingList', '', { metadata: f(1, ListMeta, ''), items: f(2, arr(Thing), '') });
  expect(decodeProtobuf(() => ThingList, bytes)).toEqual({
    apiVersion: 't/v1',
    kind: 'ThingList',
    object: { metadata: { resourceVersion: '7', remainingItemCount: 0 }, items: [{ plain: 1 }, { a: 'x' }] },
  });
});

describe('bytes that are no such message', () => {
  const good = encodeProtobuf(DeleteOptions, {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    ...{ gracePeriodSeconds: 5, preconditions: { uid: 'u' } },
  });

  test('no magic', () => {
    expect(() => decodeProtobuf(() => DeleteOptions, Buffer.from('{}'))).toThrow('expected prefix [107 56 115 0]');
  });

  test('an unknown type', () => {
    expect(() => decodeProtobuf(() => undefined, good)).toThrow(
      'no kind "DeleteOptions" is registered for version "v1"',
    );
  });

  test('cut or changed anywhere: a 400 or another message, never a crash', () => {
    fc.assert(
      fc.property(fc.nat(good.length - 5), fc.nat(255), fc.boolean(), (at, byte, cut) => {
        const bad = Buffer.from(cut ? good.subarray(0, 4 + at) : good);
        if (!cut) bad[4 + at] = byte;
        try {
          decodeProtobuf(() => DeleteOptions, bad);
        } catch (e) {
          expect(e).toMatchObject({ status: { code: 400 } });
        }
      }),
    );
  });
});
