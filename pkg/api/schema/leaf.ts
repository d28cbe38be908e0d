import { errors } from '../meta/errors.ts';
import { canonicalQuantity, isQuantity, QUANTITY_MESSAGE } from '../meta/quantity.ts';
import { canonicalTime } from '../meta/time.ts';

/** Where a value stands, for messages: the struct that has the field, and its path. */
export interface Place {
  /** Go type that has the field, "DeploymentSpec". */
  readonly owner: string;
  /** JSON path, "spec.template.spec.containers[0].image". */
  readonly path: string;
}

const jsonType = (v: unknown): string =>
  Array.isArray(v) ? 'array' : typeof v === 'boolean' ? 'bool' : v === null ? 'null' : typeof v;

const into = ({ owner, path }: Place): string =>
  path ? `Go struct field ${owner}.${path.replaceAll(/\[\d+\]/g, '').replace(/^\./, '')}` : 'Go value';

/** The error Go's decoder gives for a value of the wrong type. @throws StatusError 400, always */
export function mismatch(v: unknown, place: Place, want: string): never {
  throw errors.badRequest(`json: cannot unmarshal ${jsonType(v)} into ${into(place)} of type ${want}`);
}

const INT32 = 2 ** 31;
const INT64 = 2 ** 63;

function integer(v: unknown, place: Place, kind: 'int32' | 'int64'): number {
  if (typeof v !== 'number') mismatch(v, place, kind);
  const limit = kind === 'int32' ? INT32 : INT64;
  if (!Number.isInteger(v) || v >= limit || v < -limit) {
    throw errors.badRequest(`json: cannot unmarshal number ${v} into ${into(place)} of type ${kind}`);
  }
  return v;
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Base64 text, without the line breaks Go ignores. */
function bytes(v: unknown, place: Place): string {
  if (typeof v !== 'string') mismatch(v, place, '[]uint8');
  const text = /[\r\n]/.test(v) ? v.replaceAll(/[\r\n]/g, '') : v;
  if (BASE64.test(text)) return text;
  const at = text.search(/[^A-Za-z0-9+/]/);
  throw errors.badRequest(`illegal base64 data at input byte ${at < 0 ? text.length - (text.length % 4) : at}`);
}

function time(v: unknown, place: Place, micro: boolean): string {
  if (typeof v !== 'string') mismatch(v, place, micro ? 'v1.MicroTime' : 'v1.Time');
  const canonical = canonicalTime(v, micro);
  if (canonical !== undefined) return canonical;
  const layout = micro ? '2006-01-02T15:04:05.000000Z07:00' : '2006-01-02T15:04:05Z07:00';
  throw errors.badRequest(`parsing time "${v}" as "${layout}": cannot parse "${v}" as "2006"`);
}

function quantity(v: unknown): string {
  if (typeof v === 'string' || typeof v === 'number') {
    const text = String(v).trim();
    if (isQuantity(text)) return canonicalQuantity(text);
  }
  throw errors.badRequest(QUANTITY_MESSAGE);
}

function intOrString(v: unknown): number | string {
  if (typeof v === 'string') return v;
  // Go tries an int32 as soon as it is no string, and forgets the field's name on the way.
  return integer(v, { owner: '', path: '' }, 'int32');
}

/**
 * Scalars and the types with a JSON form of their own, checked as Go's decoder would. Returns the canonical value.
 * @throws StatusError 400
 */
export function decodeLeaf(kind: string, v: unknown, place: Place): unknown {
  switch (kind) {
    case 'string':
      if (typeof v !== 'string') mismatch(v, place, 'string');
      return v;
    case 'bool':
      if (typeof v !== 'boolean') mismatch(v, place, 'bool');
      return v;
    case 'int32':
    case 'int64':
      return integer(v, place, kind);
    case 'double':
      if (typeof v !== 'number') mismatch(v, place, 'float64');
      return v;
    case 'bytes':
      return bytes(v, place);
    case 'quantity':
      return quantity(v);
    case 'time':
    case 'microTime':
      return time(v, place, kind === 'microTime');
    case 'duration':
      if (typeof v !== 'string') mismatch(v, place, 'v1.Duration');
      return v;
    case 'intOrString':
      return intOrString(v);
    default:
      // raw and fieldsV1: any JSON.
      return v;
  }
}
