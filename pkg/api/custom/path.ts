/** The simple JSONPaths of CustomResourceDefinitions: fields, indexes, `[*]` and `[?(@.a=="b")]`. */
type Step = (values: readonly unknown[]) => unknown[];

const isObject = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null;
const field = (v: unknown, name: string): unknown => (isObject(v) && Object.hasOwn(v, name) ? v[name] : undefined);
const each =
  (f: (v: unknown) => unknown[]): Step =>
  (values) =>
    values.flatMap((v) => f(v).filter((x) => x !== undefined));

const TOKEN =
  /\.([\w\-\\.]*[\w-])|\['([^']*)'\]|\[(\d+)\]|(\[\*\]|\.\*)|\[\?\(@\.([\w.-]+)\s*==\s*(?:"([^"]*)"|'([^']*)'|([\w.-]+))\)\]/y;

function stepOf(m: RegExpExecArray): Step[] {
  const [, dotted, quoted, index, all, key, ...operands] = m;
  if (dotted !== undefined) {
    // "a.b\.c": a dot in a name is escaped.
    const names = dotted.match(/(?:\\.|[^.\\])+/g) ?? [];
    return names.map((n) => each((v) => [field(v, n.replaceAll('\\', ''))]));
  }
  if (quoted !== undefined) return [each((v) => [field(v, quoted)])];
  if (index !== undefined) return [each((v) => [Array.isArray(v) ? v[Number(index)] : undefined])];
  if (all !== undefined) return [each((v) => (isObject(v) ? Object.values(v) : []))];
  const wanted = operands.find((o) => o !== undefined);
  const path = (key ?? '').split('.');
  const at = (v: unknown): unknown => path.reduce(field, v);
  return [each((v) => (isObject(v) ? Object.values(v).filter((x) => String(at(x)) === wanted) : []))];
}

/** @returns a reader of all values the path names; undefined when the path is none */
export function compilePath(text: string): ((o: unknown) => unknown[]) | undefined {
  const bare = /^\{(.*)\}$/.exec(text.trim())?.[1] ?? text.trim();
  const path = bare.startsWith('$') ? bare.slice(1) : bare;
  const steps: Step[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < path.length) {
    const m = TOKEN.exec(path);
    if (!m) return undefined;
    steps.push(...stepOf(m));
  }
  return (o) => steps.reduce<unknown[]>((values, step) => step(values), [o]);
}

/** Names of a plain path such as ".spec.replicas". */
export const plainPath = (text: string): string[] => text.split('.').filter((p) => p !== '');

export const readPlain = (o: unknown, names: readonly string[]): unknown => names.reduce(field, o);

/** Sets a value, making the objects on the way there. */
export function writePlain(o: object, names: readonly string[], value: unknown): void {
  const last = names.at(-1);
  if (last === undefined) return;
  let at = o as Record<string, unknown>;
  for (const name of names.slice(0, -1)) {
    const next = at[name];
    at[name] = isObject(next) ? next : {};
    at = at[name] as Record<string, unknown>;
  }
  at[last] = value;
}
