import { type ApiResource, nearest } from '../api/discovery.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { plaintext } from '../explain/plaintext.ts';
import { plaintextV2 } from '../explain/plaintext-v2.ts';
import { inner, type Schema, type Schemas } from '../explain/schema.ts';

interface Document {
  readonly components?: { readonly schemas?: Schemas };
}

async function documentOf(ctx: CliContext, r: ApiResource): Promise<Schemas> {
  const root = await ctx.rest.json<{ paths: Record<string, { serverRelativeURL: string }> }>({ path: '/openapi/v3' });
  const key = r.group ? `apis/${r.group}/${r.version}` : `api/${r.version}`;
  const url = root.paths[key]?.serverRelativeURL;
  if (!url) throw new CliError(`the server describes no fields of ${r.plural}`);
  const [path = '', query = ''] = url.split('?');
  const doc = await ctx.rest.json<Document>({ path, query: Object.fromEntries(new URLSearchParams(query)) });
  return doc.components?.schemas ?? {};
}

/** @throws CliError naming the field that is not there */
function walk(root: Schema, names: readonly string[], all: Schemas): Schema {
  return names.reduce((at, name) => {
    const { properties = {} } = inner(at, all);
    const next = properties[name];
    if (next) return next;
    const near = nearest(name, Object.keys(properties));
    throw new CliError(`field "${name}" does not exist${near ? `; did you mean "${near}"?` : ''}`);
  }, root);
}

export interface ExplainFlags {
  readonly recursive?: boolean;
  readonly apiVersion?: string;
  /** "plaintext", or "plaintext-openapiv2" as kubectl printed before 1.27. */
  readonly output?: string;
}

/** `cox explain pod.spec.containers`: what the fields of a kind mean, from the server's OpenAPI document. */
export async function explain(ctx: CliContext, what: string, o: ExplainFlags): Promise<void> {
  const { output: format = 'plaintext' } = o;
  const v2 = format === 'plaintext-openapiv2';
  if (!v2 && format !== 'plaintext') throw new CliError(`unrecognized format: ${format}`);
  const words = what.split('.');
  const discovery = await ctx.discovery();
  const ofType = discovery.wordsOfType(words) || 1;
  const names = words.slice(ofType);
  const found = await discovery.find(words.slice(0, ofType).join('.'));
  const r = o.apiVersion ? await discovery.ofObject({ apiVersion: o.apiVersion, kind: found.kind }) : found;
  const all = await documentOf(ctx, r);
  const isKind = (s: Schema): boolean =>
    s['x-kubernetes-group-version-kind']?.some(
      (g) => g.group === r.group && g.version === r.version && g.kind === r.kind,
    ) ?? false;
  const root = Object.values(all).find(isKind);
  if (!root) throw new CliError(`the server describes no fields of ${r.plural}`);
  const explained = { resource: r, all, names, leaf: walk(root, names, all) };
  ctx.out(v2 ? plaintextV2(explained, o.recursive === true) : plaintext(explained, o.recursive === true));
}
