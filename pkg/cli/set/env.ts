import type { KubeObject } from '#api/meta/objectmeta.ts';
import { type ApiResource, pathOf } from '../api/discovery.ts';
import type { CliContext } from '../context.ts';
import { envLines } from '../create/sources.ts';
import { CliError } from '../errors.ts';
import { readText } from '../manifests.ts';
import { containersNamed, type EditableContainer, type EnvVar, podSpecOf } from '../pod-spec.ts';
import { foundObjects, parseTargets } from '../targets.ts';
import { changeObjects, type SetFlags, specToChange } from './change.ts';

export interface EnvFlags extends SetFlags {
  readonly env?: readonly string[];
  readonly from?: string;
  readonly prefix?: string;
  readonly keys?: readonly string[];
  readonly containers?: string;
  readonly list?: boolean;
  readonly resolve?: boolean;
  readonly overwrite?: boolean;
}

interface Wanted {
  readonly what: string[];
  readonly set: EnvVar[];
  readonly remove: string[];
}

const STDIN = '-';

/** `NAME=value` sets, `NAME-` removes, the rest names objects. */
function wantedOf(args: readonly string[], o: EnvFlags): Wanted {
  const isEnv = (a: string): boolean => /^[^=/]+=/.test(a) || (a.endsWith('-') && a !== STDIN && !a.includes('/'));
  const [first, ...rest] = args;
  const what = [...(first && !isEnv(first) ? [first] : []), ...rest.filter((a) => !isEnv(a) && a !== STDIN)];
  const given = [...args.filter(isEnv), ...(o.env ?? [])];
  const set: EnvVar[] = [];
  const remove: string[] = [];
  for (const g of given) {
    const at = g.indexOf('=');
    if (at > 0) set.push({ name: g.slice(0, at), value: g.slice(at + 1) });
    else if (g.endsWith('-')) remove.push(g.slice(0, -1));
    else throw new CliError(`environment variables must be of the form key=value, not "${g}"`);
  }
  const odd = set.find((e) => !/^[-._a-zA-Z][-._a-zA-Z0-9]*$/.test(e.name));
  if (odd)
    throw new CliError(
      `"${odd.name}" is not a valid key name: a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for validation is '[-._a-zA-Z][-._a-zA-Z0-9]*')`,
    );
  return { what, set, remove };
}

/** Every key of a ConfigMap or Secret as a variable that refers to it. */
async function variablesFrom(ctx: CliContext, o: EnvFlags): Promise<EnvVar[]> {
  const [target] = await parseTargets([o.from ?? ''], await ctx.discovery());
  const ref = { configmaps: 'configMapKeyRef', secrets: 'secretKeyRef' }[target?.resource.plural ?? ''];
  if (!target?.name || !ref) throw new CliError('--from must be configmap/NAME or secret/NAME');
  const path = pathOf(target.resource, ctx.namespace, target.name);
  const { data = {} } = await ctx.rest.json<{ data?: Record<string, string> }>({ path });
  const keys = Object.keys(data)
    .filter((k) => !o.keys || o.keys.includes(k))
    .sort();
  return keys.map((key) => {
    const name = key.replace(/[^A-Za-z0-9_]/g, '_').toUpperCase();
    if (name !== key) ctx.err(`Warning: key ${key} transferred to ${name}\n`);
    const full = o.prefix && !name.startsWith(o.prefix) ? `${o.prefix}${name}` : name;
    return { name: full, valueFrom: { [ref]: { key, name: target.name } } };
  });
}

function originOf({ valueFrom }: EnvVar): string {
  const { fieldRef, resourceFieldRef, configMapKeyRef: map, secretKeyRef: secret } = valueFrom ?? {};
  if (fieldRef) return `field path ${fieldRef.fieldPath ?? ''}`;
  if (map) return `configmap ${map.name ?? ''}, key ${map.key ?? ''}`;
  if (secret) return `secret ${secret.name ?? ''}, key ${secret.key ?? ''}`;
  const { containerName = '', resource = '' } = resourceFieldRef ?? {};
  return `resource field ${containerName ? `${containerName}/` : ''}${resource}`;
}

const FIELDS: Readonly<Record<string, (o: KubeObject) => string | undefined>> = {
  'metadata.name': (o) => o.metadata?.name,
  'metadata.namespace': (o) => o.metadata?.namespace,
  'metadata.uid': (o) => o.metadata?.uid,
};

/** What a reference stands for. @throws CliError when it cannot be known here */
async function resolved(ctx: CliContext, object: KubeObject, e: EnvVar): Promise<string> {
  const { fieldRef, configMapKeyRef: map, secretKeyRef: secret } = e.valueFrom ?? {};
  const ref = map ?? secret;
  if (!ref) {
    const value = FIELDS[fieldRef?.fieldPath ?? '']?.(object);
    if (value === undefined) throw new CliError(`unsupported fieldPath: ${fieldRef?.fieldPath ?? originOf(e)}`);
    return value;
  }
  const plural = map ? 'configmaps' : 'secrets';
  const path = `/api/v1/namespaces/${object.metadata?.namespace ?? ctx.namespace}/${plural}/${ref.name ?? ''}`;
  const { data = {} } = await ctx.rest.json<{ data?: Record<string, string> }>({ path });
  const value = data[ref.key ?? ''];
  if (value === undefined) throw new CliError(`key ${ref.key ?? ''} not found in ${plural}/${ref.name ?? ''}`);
  return map ? value : Buffer.from(value, 'base64').toString();
}

async function listContainer(
  ctx: CliContext,
  object: KubeObject,
  c: EditableContainer,
  o: EnvFlags,
): Promise<string[]> {
  const problems: string[] = [];
  ctx.out(`# ${object.kind ?? ''} ${object.metadata?.name ?? ''}, container ${c.name}\n`);
  for (const e of c.env ?? []) {
    if (!e.valueFrom) ctx.out(`${e.name}=${e.value ?? ''}\n`);
    else if (!o.resolve) ctx.out(`# ${e.name} from ${originOf(e)}\n`);
    else {
      try {
        ctx.out(`${e.name}=${await resolved(ctx, object, e)}\n`);
      } catch (problem) {
        ctx.out(`# ${e.name} from ${originOf(e)}\n`);
        problems.push(`error retrieving reference for ${e.name}: ${(problem as Error).message}\n`);
      }
    }
  }
  return problems;
}

async function list(ctx: CliContext, what: readonly string[], o: EnvFlags): Promise<number> {
  for (const { resource, object } of await foundObjects(ctx, what, o)) {
    const spec = specToChange(object, resource);
    for (const c of containersNamed(spec, o.containers ?? '*')) {
      for (const problem of await listContainer(ctx, object, c, o)) ctx.err(problem);
    }
  }
  return 0;
}

/** @throws CliError for a variable that would be overwritten unasked */
function update(c: EditableContainer, w: Wanted, where: string, o: EnvFlags): void {
  const env = (c.env ?? []).filter((e) => !w.remove.includes(e.name));
  for (const e of w.set) {
    const at = env.findIndex((x) => x.name === e.name);
    if (at < 0) env.push(e);
    else if (o.overwrite === false) {
      throw new CliError(
        `${where} '${e.name}' already has a value (${env[at]?.value ?? ''}), and --overwrite is false`,
      );
    } else env[at] = e;
  }
  if (env.length > 0) c.env = env;
  else delete c.env;
}

/** `cox set env TYPE/NAME KEY=VALUE KEY-`; with `-` also lines KEY=VALUE of standard input. */
export async function setEnv(ctx: CliContext, args: readonly string[], o: EnvFlags): Promise<number> {
  const wanted = wantedOf(args, o);
  if (o.list) return list(ctx, wanted.what, o);
  const lines = args.includes(STDIN) ? envLines(Buffer.from(await readText(ctx, STDIN)), 'STDIN') : [];
  const read = lines.map(([name, value]) => ({ name, value: value.toString() }));
  const all = { ...wanted, set: [...(o.from ? await variablesFrom(ctx, o) : []), ...read, ...wanted.set] };
  const edit = (object: KubeObject, r: ApiResource): void => {
    const spec = podSpecOf(object) ?? specToChange(object, r);
    const containers = containersNamed(spec, o.containers ?? '*');
    if (containers.length === 0) {
      const name = `${object.kind ?? ''}/${object.metadata?.name ?? ''}`;
      ctx.err(`Warning: ${name} does not have any containers matching "${o.containers ?? ''}"\n`);
    }
    for (const c of containers) update(c, all, `${r.plural}/${object.metadata?.name ?? ''}`, o);
  };
  const change = { done: 'env updated', refused: 'failed to patch env update to pod template', edit };
  return changeObjects(ctx, wanted.what, change, o);
}
