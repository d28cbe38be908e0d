import { expect, test } from 'vitest';
import type { ManagedFieldsEntry } from '#api/meta/objectmeta.ts';
import { LAST_APPLIED } from './last-applied.ts';
import { takenOver } from './take-over.ts';

const entry = (manager: string, operation: 'Apply' | 'Update', fieldsV1: object, subresource?: string) =>
  ({
    ...{ manager, operation, apiVersion: 'v1', time: 't', fieldsType: 'FieldsV1', fieldsV1 },
    ...(subresource ? { subresource } : {}),
  }) as ManagedFieldsEntry;
const annotation = { 'f:annotations': { '.': {}, [`f:${LAST_APPLIED}`]: {} } };
const client = entry('kubectl-client-side-apply', 'Update', {
  'f:data': { '.': {}, 'f:kept': {}, 'f:dropped': {} },
  'f:metadata': annotation,
});
const controller = entry('controller', 'Update', { 'f:status': {} }, 'status');

test('what client-side apply owned belongs to who applies on the server, but for the annotation', () => {
  const mine = entry('kubectl', 'Apply', { 'f:data': { 'f:kept': {} } });
  expect(takenOver([mine, client, controller], 'kubectl')).toEqual([
    { ...mine, fieldsV1: { 'f:data': { '.': {}, 'f:kept': {}, 'f:dropped': {} } } },
    controller,
  ]);
});

test('another manager takes the annotation, too, so that it goes', () => {
  const mine = entry('ci', 'Apply', { 'f:data': { 'f:kept': {} } });
  expect(takenOver([mine, client], 'ci')?.[0]?.fieldsV1).toMatchObject({ 'f:metadata': annotation });
});

test.each([
  ['no client-side apply', [entry('kubectl', 'Apply', {}), controller]],
  ['no server-side apply of this manager', [entry('other', 'Apply', {}), client]],
])('%s: nothing is taken over', (_what, entries) => {
  expect(takenOver(entries, 'kubectl')).toBeUndefined();
});
