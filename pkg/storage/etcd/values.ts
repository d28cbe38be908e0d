import type { IKeyValue } from 'etcd3';
import type { KeyValue } from '../storage.ts';

/** Numbers come as decimal strings; revisions stay far below 2^53. */
export function toKeyValue(kv: IKeyValue): KeyValue {
  return {
    key: kv.key.toString('latin1'),
    value: kv.value,
    modRevision: Number(kv.mod_revision),
    createRevision: Number(kv.create_revision),
  };
}

/** The end of the range of all keys that start with `prefix`: its last byte raised by one. */
export function prefixEnd(prefix: string): Buffer {
  const end = Buffer.from(prefix);
  const last = end.length - 1;
  end[last] = (end[last] ?? 0) + 1;
  return end;
}
