import type { ApiResource, Discovery } from './api/discovery.ts';
import type { CliContext } from './context.ts';
import { CliError } from './errors.ts';
import { type Manifest, readManifests, resourceOf } from './manifests.ts';

/** One thing a command acts on. */
export interface Target {
  readonly resource: ApiResource;
  /** Absent: the whole collection. */
  readonly name?: string;
}

/** Reads `TYPE`, `TYPE NAME…`, `TYPE/NAME…` and `TYPE,TYPE`. @throws CliError */
export async function parseTargets(args: readonly string[], discovery: Discovery): Promise<Target[]> {
  const [first, ...names] = args;
  if (!first) throw new CliError('say what: a type such as "pods", and a name');
  if (args.some((a) => a.includes('/'))) return Promise.all(args.map((a) => pairOf(a, discovery)));
  const resources = (await Promise.all(first.split(',').map((t) => typesOf(t, discovery)))).flat();
  if (names.length === 0) return resources.map((resource) => ({ resource }));
  return resources.flatMap((resource) => names.map((name) => ({ resource, name })));
}

async function pairOf(text: string, discovery: Discovery): Promise<Target> {
  const [type, name, extra] = text.split('/');
  if (!type || !name || extra !== undefined) {
    throw new CliError(`"${text}" must be TYPE/NAME when one of the arguments is`);
  }
  return { resource: await discovery.find(type), name };
}

/** A type, or the types of a category such as "all". */
async function typesOf(text: string, discovery: Discovery): Promise<ApiResource[]> {
  const category = discovery.category(text);
  return category.length > 0 ? category : [await discovery.find(text)];
}

/** A target with the namespace it is looked for in; undefined for cluster-wide kinds and for all namespaces. */
export interface Chosen extends Target {
  readonly namespace: string | undefined;
}

/** What a command line means: the objects of files, or the types and names among its arguments. */
export async function chosenObjects(
  ctx: CliContext,
  args: readonly string[],
  o: { readonly filename?: readonly string[]; readonly recursive?: boolean; readonly allNamespaces?: boolean },
): Promise<Chosen[]> {
  const discovery = await ctx.discovery();
  if (o.filename) {
    const of = async (m: Manifest): Promise<Chosen> => {
      const resource = await resourceOf(discovery, m);
      const { namespace = ctx.namespace, name = '' } = m.object.metadata ?? {};
      return { resource, name, namespace: resource.namespaced ? namespace : undefined };
    };
    return Promise.all(readManifests(o.filename, o.recursive).map(of));
  }
  return (await parseTargets(args, discovery)).map((t) => ({
    ...t,
    namespace: t.resource.namespaced && !o.allNamespaces ? ctx.namespace : undefined,
  }));
}
