import { isQuantity, QUANTITY_MESSAGE } from '#api/meta/quantity.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { hasSources } from '../manifests.ts';
import { containersNamed } from '../pod-spec.ts';
import { changeObjects, type SetFlags, specToChange } from './change.ts';

/** `cox set image TYPE/NAME CONTAINER=IMAGE` */
export async function setImage(ctx: CliContext, args: readonly string[], o: SetFlags): Promise<number> {
  const images = args.filter((a) => /^[^/=]+=/.test(a));
  const what = args.filter((a) => !images.includes(a));
  if (what.length === 0 && !hasSources(o))
    throw new CliError('You must provide one or more resources by argument or filename, such as deploy/web');
  if (images.length === 0) throw new CliError('at least one image update is required');
  const pairs = images.map((i) => [i.slice(0, i.indexOf('=')), i.slice(i.indexOf('=') + 1)] as const);
  return changeObjects(
    ctx,
    what,
    {
      done: 'image updated',
      refused: 'failed to patch image update to pod template:',
      edit: (object, r) => {
        const spec = specToChange(object, r);
        for (const [name, image] of pairs) {
          const containers = containersNamed(spec, name);
          if (containers.length === 0) throw new CliError(`unable to find container named "${name}"`);
          for (const c of containers) c.image = image;
        }
      },
    },
    o,
  );
}

/** "cpu=1,memory=2Gi" */
function amounts(text: string | undefined): Record<string, string> {
  const pairs = (text ?? '').split(',').filter((p) => p !== '');
  return Object.fromEntries(
    pairs.map((p) => {
      const [name = '', amount, extra] = p.split('=');
      if (!name || amount === undefined || extra !== undefined)
        throw new CliError(`Invalid argument syntax ${p}, expected <resource>=<value>`);
      if (!isQuantity(amount)) throw new CliError(QUANTITY_MESSAGE);
      return [name, amount];
    }),
  );
}

export interface ResourceFlags extends SetFlags {
  readonly limits?: string;
  readonly requests?: string;
  readonly containers?: string;
}

/** `cox set resources TYPE/NAME --limits=cpu=1 --requests=memory=64Mi` */
export async function setResources(ctx: CliContext, args: readonly string[], o: ResourceFlags): Promise<number> {
  const limits = amounts(o.limits);
  const requests = amounts(o.requests);
  if (Object.keys({ ...limits, ...requests }).length === 0)
    throw new CliError('you must specify an update to requests or limits (in the form of --requests/--limits)');
  return changeObjects(
    ctx,
    args,
    {
      done: 'resource requirements updated',
      refused: 'failed to patch resources update to pod template',
      edit: (object, r) => {
        const containers = containersNamed(specToChange(object, r), o.containers ?? '*');
        if (containers.length === 0) throw new CliError(`unable to find container named ${o.containers ?? ''}`);
        for (const c of containers) {
          const now = c.resources ?? {};
          c.resources = {
            ...now,
            ...(o.limits ? { limits: { ...now.limits, ...limits } } : {}),
            ...(o.requests ? { requests: { ...now.requests, ...requests } } : {}),
          };
        }
      },
    },
    o,
  );
}

/** `cox set serviceaccount TYPE/NAME ACCOUNT` */
export async function setServiceAccount(ctx: CliContext, args: readonly string[], o: SetFlags): Promise<number> {
  const account = args.at(-1);
  if (!account) throw new CliError('serviceaccount is required');
  return changeObjects(
    ctx,
    args.slice(0, -1),
    {
      done: 'serviceaccount updated',
      refused: 'failed to patch ServiceAccountName',
      always: true,
      edit: (object, r) => {
        specToChange(object, r).serviceAccountName = account;
      },
    },
    o,
  );
}
