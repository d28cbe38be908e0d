import type { KubeObject } from '#api/meta/objectmeta.ts';
import { type ApiResource, apiVersionOf, type Discovery, pathOf } from './api/discovery.ts';
import { targetLabel } from './commands/write.ts';
import type { CliContext } from './context.ts';
import { CliError } from './errors.ts';
import { oneByOne } from './interrupted.ts';
import { hasSources, type Manifest, namespaceOf, readManifests, resourceOf, type Sources } from './manifests.ts';

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
  if (names.includes('')) throw new CliError('resource name may not be empty');
  if (args.some((a) => a.includes('/'))) return Promise.all(args.map((a) => pairOf(a, discovery)));
  const resources = (await Promise.all(first.split(',').map((t) => typesOf(t, discovery)))).flat();
  if (names.length === 0) return [...new Set(resources)].map((resource) => ({ resource }));
  return resources.flatMap((resource) => names.map((name) => ({ resource, name })));
}

async function pairOf(text: string, discovery: Discovery): Promise<Target> {
  const [type, name, extra] = text.split('/');
  if (!type || !name || extra !== undefined) {
    throw new CliError(`"${text}" must be TYPE/NAME when one of the arguments is`);
  }
  return { resource: await discovery.find(type), name };
}

/** All types in namespaces whose objects can be listed, each in one version; events would drown the others. */
async function everything(discovery: Discovery): Promise<ApiResource[]> {
  const listed = (await discovery.all()).filter(
    (r) => r.namespaced && r.verbs.includes('list') && r.plural !== 'events',
  );
  const computed = listed.filter((r) => r.group !== 'metrics.k8s.io');
  return [...new Map(computed.toReversed().map((r) => [`${r.group}/${r.plural}`, r])).values()].reverse();
}

/** A type, or the types of a category such as "all". */
async function typesOf(text: string, discovery: Discovery): Promise<ApiResource[]> {
  if (text === 'everything') return everything(discovery);
  const category = discovery.category(text);
  return category.length > 0 ? category : [await discovery.find(text)];
}

/** A target with the namespace it is looked for in; undefined for cluster-wide kinds and for all namespaces. */
export interface Chosen extends Target {
  readonly namespace: string | undefined;
}

/** Refuses arguments and flags that contradict each other. @throws CliError in kubectl's words */
function refuseContradictions(args: readonly string[], o: Choice): void {
  const pairs = args.some((a) => a.includes('/'));
  const chosen = Boolean(o.selector || o.fieldSelector);
  if (hasSources(o) && args.length > 0)
    throw new CliError(
      'when paths, URLs, or stdin is provided as input, you may not specify resource arguments as well',
    );
  if (pairs && chosen)
    throw new CliError('selectors and the all flag cannot be used when passing resource/name arguments');
  if (args.length < 2 && !pairs) return;
  if (chosen) throw new CliError('name cannot be provided when a selector is specified');
  if (o.allNamespaces) throw new CliError('a resource cannot be retrieved by name across all namespaces');
}

/** What a command line means: the objects of files, or the types and names among its arguments. @throws CliError */
export async function chosenObjects(ctx: CliContext, args: readonly string[], o: Choice): Promise<Chosen[]> {
  refuseContradictions(args, o);
  const discovery = await ctx.discovery();
  if (hasSources(o)) {
    const of = async (m: Manifest): Promise<Chosen> => {
      const resource = await resourceOf(discovery, m);
      const from = o.allNamespaces ? { ...ctx, namespaceGiven: false } : ctx;
      return { resource, name: m.object.metadata?.name ?? '', namespace: namespaceOf(from, resource, m.object) };
    };
    return Promise.all((await readManifests(ctx, o)).map(of));
  }
  return (await parseTargets(args, discovery)).map((t) => ({
    ...t,
    namespace: t.resource.namespaced && !o.allNamespaces ? ctx.namespace : undefined,
  }));
}

/** @throws CliError when both --all and -l are given; kubectl has two ways to say so */
export function refuseAllAndSelector(o: Choosing, words = 'cannot set --all and --selector at the same time'): void {
  if (o.all && o.selector) throw new CliError(words);
}

/** How commands say it that only look, or delete. */
export const ALL_AND_SELECTOR = "setting 'all' parameter but found a non empty selector.";

/** How objects of a collection are chosen. */
export interface Choosing {
  readonly all?: boolean;
  readonly selector?: string;
  readonly fieldSelector?: string;
}

/** The objects of a collection that labels and fields choose. @throws CliError when nothing says that all are meant */
export async function objectsIn(ctx: CliContext, c: Chosen, o: Choosing): Promise<KubeObject[]> {
  if (!o.all && !o.selector && !o.fieldSelector)
    throw new CliError('resource(s) were provided, but no name was specified');
  const query = { labelSelector: o.selector, fieldSelector: o.fieldSelector };
  const { items } = await ctx.rest.json<{ items: KubeObject[] }>({ path: pathOf(c.resource, c.namespace), query });
  const type = { apiVersion: apiVersionOf(c.resource), kind: c.resource.kind };
  return items.map((i) => ({ ...type, ...i }));
}

/** A target that is one object. */
export interface Named extends Chosen {
  readonly name: string;
  /** As it was listed; absent for one that was named. */
  readonly object?: KubeObject;
}

/** One target for each object: collections become what labels and fields choose of them. */
export async function namedTargets(ctx: CliContext, chosen: readonly Chosen[], o: Choosing): Promise<Named[]> {
  const names = async (c: Chosen): Promise<Named[]> => {
    if (c.name) return [{ ...c, name: c.name }];
    const objects = await objectsIn(ctx, c, o);
    return objects.map((object) => {
      const { namespace, name = '' } = object.metadata ?? {};
      return { ...c, namespace, name, object };
    });
  };
  return (await Promise.all(chosen.map(names))).flat();
}

/** The objects of a target as the server has them. */
const objectsOf = async (ctx: CliContext, c: Chosen, o: Choosing): Promise<KubeObject[]> =>
  c.name ? [await ctx.rest.json<KubeObject>({ path: pathOf(c.resource, c.namespace, c.name) })] : objectsIn(ctx, c, o);

/** An object as the server has it, and what it is. */
export interface Found {
  readonly resource: ApiResource;
  readonly object: KubeObject;
}

/** How objects are chosen without naming them. */
export interface Choice extends Sources, Choosing {
  readonly allNamespaces?: boolean;
}

/** What a command line means. @throws CliError when neither arguments nor files say it, or by --all and -l at once */
async function meant(ctx: CliContext, args: readonly string[], o: Choice): Promise<Chosen[]> {
  refuseAllAndSelector(o, ALL_AND_SELECTOR);
  if (args.length === 0 && !hasSources(o))
    throw new CliError('you must provide one or more resources: TYPE NAME, or -f FILE');
  return chosenObjects(ctx, args, o);
}

/** The objects a command line means, as the server has them. @throws CliError when neither names nor -l nor --all are given */
export async function foundObjects(ctx: CliContext, args: readonly string[], o: Choice): Promise<Found[]> {
  const read = async (c: Chosen): Promise<Found[]> =>
    (await objectsOf(ctx, c, o)).map((object) => ({ resource: c.resource, object }));
  return (await Promise.all((await meant(ctx, args, o)).map(read))).flat();
}

/**
 * Does `work` for each object a command line means, as the server has it. What is not there, or fails, is told and does not keep
 * the others from being done. @param left what those are that an interrupt leaves out @returns the exit code
 */
export async function eachFound(
  ctx: CliContext,
  args: readonly string[],
  o: Choice & { readonly left: string },
  work: (found: Found) => Promise<void>,
): Promise<number> {
  const all = await namedTargets(ctx, await meant(ctx, args, o), o);
  return oneByOne(ctx, { all, nameOf: targetLabel, left: o.left }, async ({ resource, namespace, name, object }) => {
    const read = (): Promise<KubeObject> => ctx.rest.json<KubeObject>({ path: pathOf(resource, namespace, name) });
    await work({ resource, object: object ?? (await read()) });
  });
}
