import { errors } from '#api/meta/errors.ts';

/** In which form a client wants objects. */
export type View = 'object' | 'table' | 'partial';

export interface Accepted {
  readonly view: View;
  readonly encoding: 'json' | 'yaml' | 'protobuf';
  /** meta.k8s.io version of Table or PartialObjectMetadata. */
  readonly metaVersion: 'v1' | 'v1beta1';
}

const PLAIN: Accepted = { view: 'object', encoding: 'json', metaVersion: 'v1' };
const ENCODINGS: Record<string, Accepted['encoding']> = {
  'application/json': 'json',
  'application/*': 'json',
  '*/*': 'json',
  'application/yaml': 'yaml',
  'application/vnd.kubernetes.protobuf': 'protobuf',
};

function parseClause(clause: string): Accepted | undefined {
  const [type, ...params] = clause.split(';').map((p) => p.trim());
  const encoding = ENCODINGS[(type ?? '').toLowerCase()];
  if (!encoding) return undefined;
  const p = new Map(params.map((x) => x.split('=', 2) as [string, string]));
  const as = p.get('as');
  if (!as) return { ...PLAIN, encoding };
  const version = p.get('v');
  if (p.get('g') !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1')) return undefined;
  // A Table has no protobuf form.
  if (as === 'Table') return encoding === 'protobuf' ? undefined : { view: 'table', encoding, metaVersion: version };
  if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') {
    return { view: 'partial', encoding, metaVersion: version };
  }
  return undefined;
}

const memo = new Map<string, Accepted>();
const MEMO_LIMIT = 256;

/**
 * First clause of an Accept header that we can serve (order wins, as in client-go; q values are not used by its clients).
 * @param binary whether the object has a protobuf form; custom resources have none.
 * @throws StatusError 406 when there is none.
 */
export function negotiate(accept: string | undefined, binary = true): Accepted {
  if (!accept) return PLAIN;
  const key = binary ? accept : `text:${accept}`;
  const known = memo.get(key);
  if (known) return known;
  for (const clause of accept.split(',')) {
    const found = parseClause(clause);
    if (!found || (found.encoding === 'protobuf' && !binary)) continue;
    if (memo.size >= MEMO_LIMIT) memo.clear();
    memo.set(key, found);
    return found;
  }
  const types = ['application/json', 'application/yaml', ...(binary ? ['application/vnd.kubernetes.protobuf'] : [])];
  throw errors.notAcceptable(`only the following media types are accepted: ${types.join(', ')}`);
}
