import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { ApiResource } from '../api/discovery.ts';
import type { CliContext } from '../context.ts';
import { namespaceOf, type Sources } from '../manifests.ts';
import type { PrintFlags } from '../output/print.ts';
import type { Found, Target } from '../targets.ts';

export interface WriteFlags extends Sources, PrintFlags {
  readonly dryRun?: string;
  readonly validate?: string;
  readonly fieldManager?: string;
}

/** What a dry run ends its lines with. */
export const suffix = (o: WriteFlags): string =>
  o.dryRun === 'server' ? ' (server dry run)' : o.dryRun === 'client' ? ' (dry run)' : '';

export const label = (r: ApiResource, name: string): string =>
  `${r.group ? `${r.singular}.${r.group}` : r.singular}/${name}`;

/** The same of what a command line means: a type alone for all of its objects. */
export const targetLabel = ({ resource, name }: Target): string => (name ? label(resource, name) : resource.plural);

export const foundLabel = ({ resource, object }: Found): string => label(resource, object.metadata?.name ?? '');

/** Prints the outcome of one write: "pod/x created", or the object in the format asked for. */
export async function report(
  ctx: CliContext,
  o: WriteFlags,
  r: ApiResource,
  object: KubeObject,
  done: string,
): Promise<void> {
  const name = (x: KubeObject): string => label(r, x.metadata?.name ?? '');
  if (!o.output) ctx.out(`${name(object)} ${done}${suffix(o)}\n`);
  // Formats take longer to load than most changes take.
  else ctx.out((await import('../output/print.ts')).printObject(object, o, name));
}

/** @param manager who owns the fields unless --field-manager says otherwise; kubectl's names, so that both may be used in turn */
export const writeQuery = (o: WriteFlags, manager: string) => ({
  fieldManager: o.fieldManager ?? manager,
  // What "client" means a command sees to itself; whatever it sends all the same must not be kept.
  ...((o.dryRun ?? 'none') === 'none' ? {} : { dryRun: 'All' }),
  fieldValidation:
    o.validate === 'ignore' || o.validate === 'false' ? 'Ignore' : o.validate === 'warn' ? 'Warn' : 'Strict',
});

/** Sets the namespace an object will live in. @throws CliError when file and flag disagree */
export function withNamespace(ctx: CliContext, r: ApiResource, o: KubeObject): KubeObject {
  const namespace = namespaceOf(ctx, r, o);
  return namespace === undefined ? o : { ...o, metadata: { ...o.metadata, namespace } };
}
