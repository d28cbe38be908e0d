import { apiVersionOf, type Kind } from '#api/kind.ts';

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** What a path needs to know of a kind. */
export type KindPath = Pick<Kind, 'group' | 'version' | 'plural' | 'namespaced'>;

/** Path of a resource, an object or one of its subresources. */
export function resourcePath(kind: KindPath, namespace?: string, name?: string, subresource?: string): string {
  const root = kind.group ? `/apis/${apiVersionOf(kind)}` : `/api/${kind.version}`;
  const scope = kind.namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  const object = name === undefined ? '' : `/${encodeURIComponent(name)}`;
  return `${root}${scope}/${kind.plural}${object}${subresource ? `/${subresource}` : ''}`;
}

/** Adds the parameters that have a value. */
export function withQuery(path: string, query: Query): string {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(query)) if (v !== undefined && v !== '') q.set(k, String(v));
  const text = q.toString();
  return text ? `${path}?${text}` : path;
}
