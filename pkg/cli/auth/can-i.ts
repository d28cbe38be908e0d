import type { PolicyRule } from '#api/kinds/index.ts';
import type { CliContext } from '../context.ts';
import { ruleRows } from '../describe/rbac.ts';
import { CliError } from '../errors.ts';
import { formatColumns } from '../output/columns.ts';

export interface CanIFlags {
  readonly list?: boolean;
  readonly quiet?: boolean;
  readonly subresource?: string;
  readonly allNamespaces?: boolean;
  readonly headers?: boolean;
}

const VERBS = new Set(
  'get list watch create update patch delete deletecollection use bind escalate impersonate proxy approve sign attest * post put head options'.split(
    ' ',
  ),
);

const reviews = '/apis/authorization.k8s.io/v1';

interface Attributes {
  nonResourceAttributes?: { verb: string; path: string };
  resourceAttributes?: Record<string, string>;
}

async function attributesOf(ctx: CliContext, args: readonly string[], o: CanIFlags): Promise<Attributes> {
  const [verb, what, extra] = args;
  if (!verb || !what || extra !== undefined)
    throw new CliError('you must specify two arguments: verb resource or verb resource/resourceName.');
  if (!VERBS.has(verb)) ctx.err(`Warning: verb '${verb}' is not a known verb\n\n`);
  if (what.startsWith('/')) return { nonResourceAttributes: { verb, path: what } };
  const [type = '', name] = what.split('/');
  const found = type === '*' ? undefined : await (await ctx.discovery()).find(type).catch(() => undefined);
  if (!found && type !== '*') ctx.err(`Warning: the server doesn't have a resource type '${type}'\n\n`);
  if (found && !found.namespaced && !o.allNamespaces) {
    const group = found.group ? ` in group '${found.group}'` : '';
    ctx.err(`Warning: resource '${found.plural}' is not namespace scoped${group}\n\n`);
  }
  const [bare = '', ...group] = type.split('.');
  return {
    resourceAttributes: {
      verb,
      resource: found?.plural ?? bare,
      group: found?.group ?? (type === '*' ? '*' : group.join('.')),
      ...(o.allNamespaces || found?.namespaced === false ? {} : { namespace: ctx.namespace }),
      ...(name ? { name } : {}),
      ...(o.subresource ? { subresource: o.subresource } : {}),
    },
  };
}

/** `cox auth can-i VERB TYPE`. @returns 1 for no */
export async function canI(ctx: CliContext, args: readonly string[], o: CanIFlags): Promise<number> {
  if (o.list) {
    await listRules(ctx, o);
    return 0;
  }
  const { status } = await ctx.rest.json<{ status: { allowed?: boolean; reason?: string; evaluationError?: string } }>({
    method: 'POST',
    path: `${reviews}/selfsubjectaccessreviews`,
    body: {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: await attributesOf(ctx, args, o),
    },
  });
  const why = [status.reason, status.evaluationError].filter(Boolean).map((t) => ` - ${t}`);
  if (!o.quiet) ctx.out(status.allowed ? 'yes\n' : `no${why.join('')}\n`);
  return status.allowed ? 0 : 1;
}

interface Rules {
  readonly resourceRules?: readonly PolicyRule[];
  readonly nonResourceRules?: readonly PolicyRule[];
}

async function listRules(ctx: CliContext, o: CanIFlags): Promise<void> {
  const { status } = await ctx.rest.json<{ status: Rules }>({
    method: 'POST',
    path: `${reviews}/selfsubjectrulesreviews`,
    body: {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectRulesReview',
      spec: { namespace: ctx.namespace },
    },
  });
  const rows = ruleRows([...(status.resourceRules ?? []), ...(status.nonResourceRules ?? [])]);
  const header = ['Resources', 'Non-Resource URLs', 'Resource Names', 'Verbs'];
  ctx.out(formatColumns([...(o.headers === false ? [] : [header]), ...rows]));
}
