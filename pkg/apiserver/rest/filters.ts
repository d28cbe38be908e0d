import type { Kind } from '#api/kind.ts';
import { errors } from '#api/meta/errors.ts';
import { parseFieldSelector } from '#api/meta/fieldselector.ts';
import { parseLabelSelector } from '#api/meta/labels.ts';
import type { RequestContext } from '../request/context.ts';
import type { Match } from '../watch/visible.ts';

/** What a list, watch or deletecollection is limited to. */
export interface Selection {
  /** Storage key prefix: "" or "namespace/". */
  readonly keyPrefix: string;
  /** Set when a field selector names exactly one object: then the key is known. */
  readonly key?: string;
  readonly match?: Match;
}

/** Reads labelSelector and fieldSelector. @throws StatusError 400 on selectors that do not parse or fields that are not selectable. */
export function selectionOf(ctx: RequestContext, kind: Kind): Selection {
  const { namespace, name } = ctx.info;
  const keyPrefix = kind.namespaced && namespace ? `${namespace}/` : '';
  const labelText = ctx.query.get('labelSelector') ?? '';
  let fieldText = ctx.query.get('fieldSelector') ?? '';
  if (name) fieldText = fieldText ? `${fieldText},metadata.name=${name}` : `metadata.name=${name}`;
  if (!labelText && !fieldText) return { keyPrefix };
  const labels = labelText ? parseSelector(labelText) : undefined;
  const fields = fieldText ? parseFieldSelector(fieldText, kind) : undefined;
  const match: Match = (o) => (!labels || labels.matches(o.metadata.labels ?? {})) && (!fields || fields.matches(o));
  const exactName = fields?.exact('metadata.name');
  if (exactName !== undefined && (!kind.namespaced || namespace))
    return { keyPrefix, key: keyPrefix + exactName, match };
  return { keyPrefix, match };
}

function parseSelector(text: string): ReturnType<typeof parseLabelSelector> {
  try {
    return parseLabelSelector(text);
  } catch (e) {
    throw errors.badRequest(`unable to parse requirement: ${(e as Error).message}`);
  }
}
