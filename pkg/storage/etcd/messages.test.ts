import protobuf from 'protobufjs';
import { expect, test } from 'vitest';
import {
  compactionRequest,
  guardedAnswer,
  guardedRequest,
  leaseGrantRequest,
  leaseIn,
  putRequest,
  rangeAnswer,
  rangeRequest,
  revisionIn,
  watchAnswer,
} from './messages.ts';

/** As the etcd API reference declares them. */
const { root } = protobuf.parse(
  `
syntax = "proto3";
message ResponseHeader { uint64 cluster_id = 1; uint64 member_id = 2; int64 revision = 3; uint64 raft_term = 4; }
message KeyValue { bytes key = 1; int64 create_revision = 2; int64 mod_revision = 3; int64 version = 4; bytes value = 5; int64 lease = 6; }
message RangeRequest { bytes key = 1; bytes range_end = 2; int64 limit = 3; int64 revision = 4; int32 sort_order = 5; int32 sort_target = 6; bool serializable = 7; bool keys_only = 8; bool count_only = 9; }
message RangeResponse { ResponseHeader header = 1; repeated KeyValue kvs = 2; bool more = 3; int64 count = 4; }
message PutRequest { bytes key = 1; bytes value = 2; int64 lease = 3; }
message DeleteRangeRequest { bytes key = 1; bytes range_end = 2; }
message RequestOp { oneof request { RangeRequest request_range = 1; PutRequest request_put = 2; DeleteRangeRequest request_delete_range = 3; } }
message ResponseOp { oneof response { RangeResponse response_range = 1; PutResponse response_put = 2; } }
message PutResponse { ResponseHeader header = 1; }
message Compare { int32 result = 1; int32 target = 2; bytes key = 3; oneof target_union { int64 version = 4; int64 mod_revision = 6; } }
message TxnRequest { repeated Compare compare = 1; repeated RequestOp success = 2; repeated RequestOp failure = 3; }
message TxnResponse { ResponseHeader header = 1; bool succeeded = 2; repeated ResponseOp responses = 3; }
message CompactionRequest { int64 revision = 1; bool physical = 2; }
message LeaseGrantRequest { int64 TTL = 1; int64 ID = 2; }
message Event { int32 type = 1; KeyValue kv = 2; KeyValue prev_kv = 3; }
message WatchResponse { ResponseHeader header = 1; int64 watch_id = 2; bool created = 3; bool canceled = 4; int64 compact_revision = 5; string cancel_reason = 6; bool fragment = 7; repeated Event events = 11; }
message LeaseGrantResponse { ResponseHeader header = 1; int64 ID = 2; int64 TTL = 3; string error = 4; }
`,
  { keepCase: true },
);

const read = (type: string, b: Uint8Array) =>
  root.lookupType(type).toObject(root.lookupType(type).decode(b), { longs: String, bytes: String });
const write = (type: string, o: object): Buffer => {
  const t = root.lookupType(type);
  return Buffer.from(t.encode(t.fromObject(o)).finish());
};
const base64 = (s: string): string => Buffer.from(s).toString('base64');
const key = Buffer.from('/registry/pods/a/b');
const FAR = 2 ** 52 + 1;

test('range requests', () => {
  expect(read('RangeRequest', rangeRequest({ key }))).toEqual({ key: base64(String(key)) });
  const all = { key, rangeEnd: Buffer.from('/s'), limit: 500, revision: FAR, countOnly: true };
  expect(read('RangeRequest', rangeRequest(all))).toEqual({
    key: base64(String(key)),
    range_end: base64('/s'),
    limit: '500',
    revision: String(FAR),
    count_only: true,
  });
});

test('guarded writes', () => {
  const value = Buffer.alloc(70_000, 'v');
  const lease = 7587869134343489123n;
  const range = { request_range: { key: base64(String(key)) } };
  const compare = (rev: number) => [{ target: 2, key: base64(String(key)), mod_revision: String(rev) }];
  expect(read('TxnRequest', guardedRequest({ keyBytes: key, value, expected: FAR, lease }))).toEqual({
    compare: compare(FAR),
    success: [{ request_put: { key: base64(String(key)), value: value.toString('base64'), lease: String(lease) } }],
    failure: [range],
  });
  expect(read('TxnRequest', guardedRequest({ keyBytes: key, expected: 0, lease: 0n }))).toEqual({
    compare: compare(0),
    success: [{ request_delete_range: { key: base64(String(key)) } }],
    failure: [range],
  });
});

test('puts, compactions and leases', () => {
  expect(read('PutRequest', putRequest(key, Buffer.from('v')))).toEqual({
    key: base64(String(key)),
    value: base64('v'),
  });
  expect(read('CompactionRequest', compactionRequest(FAR))).toEqual({ revision: String(FAR) });
  expect(read('LeaseGrantRequest', leaseGrantRequest(3600))).toEqual({ TTL: '3600' });
});

const header = { cluster_id: '14841639068965178418', member_id: '10276657743932975437', revision: FAR, raft_term: 7 };
const stored = {
  key: base64('/k'),
  create_revision: 3,
  mod_revision: FAR,
  version: 9,
  value: base64('v'),
  lease: '-5',
};
const asRead = { key: '/k', value: Buffer.from('v'), createRevision: 3, modRevision: FAR };

test('answers', () => {
  const answer = write('RangeResponse', { header, kvs: [stored, { key: base64('/l') }], more: true, count: 7 });
  expect(rangeAnswer(answer)).toEqual({
    kvs: [asRead, { key: '/l', value: Buffer.alloc(0), createRevision: 0, modRevision: 0 }],
    more: true,
    count: 7,
    revision: FAR,
  });
  expect(revisionIn(write('PutResponse', { header }))).toBe(FAR);
  for (const id of ['7587869134343489123', '-7587869134343489123', '1'])
    expect(leaseIn(write('LeaseGrantResponse', { header, ID: id, TTL: 60, error: '' }))).toBe(BigInt(id));
});

test('answers to guarded writes', () => {
  const put = { response_put: { header } };
  const done = write('TxnResponse', { header, succeeded: true, responses: [put] });
  expect(guardedAnswer(done)).toEqual({ succeeded: true, revision: FAR, current: undefined });
  const range = { response_range: { header, kvs: [stored], count: 1 } };
  const refused = write('TxnResponse', { header, responses: [range] });
  expect(guardedAnswer(refused)).toEqual({ succeeded: false, revision: FAR, current: asRead });
  const none = write('TxnResponse', { header, responses: [{ response_range: { header } }] });
  expect(guardedAnswer(none)).toEqual({ succeeded: false, revision: FAR, current: undefined });
});

test('answers to a watch', () => {
  const none = { created: false, canceled: false, reason: '', compactRevision: 0, fragment: false, events: [] };
  expect(watchAnswer(write('WatchResponse', { header, watch_id: -1, created: true }))).toEqual({
    ...none,
    created: true,
  });
  const end = { header, canceled: true, cancel_reason: 'gone', compact_revision: FAR };
  const ended = { ...none, canceled: true, reason: 'gone', compactRevision: FAR };
  expect(watchAnswer(write('WatchResponse', end))).toEqual(ended);
  const changed = { kv: stored, prev_kv: { ...stored, value: base64('before'), mod_revision: 4 } };
  const deleted = { type: 1, kv: { key: base64('/k'), mod_revision: FAR } };
  const answer = { header, watch_id: 3, fragment: true, events: [{ kv: stored }, changed, deleted] };
  expect(watchAnswer(write('WatchResponse', answer))).toEqual({
    ...none,
    fragment: true,
    events: [
      { type: 'put', ...asRead },
      { type: 'put', ...asRead, previous: { ...asRead, value: Buffer.from('before'), modRevision: 4 } },
      { type: 'delete', key: '/k', value: Buffer.alloc(0), modRevision: FAR, createRevision: 0 },
    ],
  });
});
