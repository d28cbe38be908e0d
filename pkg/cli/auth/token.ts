import type { KubeObject } from '#api/meta/objectmeta.ts';
import { parseSeconds } from '../commands/logs.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { printObject } from '../output/print.ts';

export interface TokenFlags {
  readonly audience?: readonly string[];
  readonly duration?: string;
  readonly boundObjectKind?: string;
  readonly boundObjectName?: string;
  readonly boundObjectUid?: string;
  readonly output?: string;
}

const BOUND = new Map([
  ['Pod', 'v1'],
  ['Secret', 'v1'],
  ['Node', 'v1'],
]);

function boundObject(o: TokenFlags): Record<string, string> | undefined {
  const { boundObjectKind: kind, boundObjectName: name, boundObjectUid: uid } = o;
  if (!kind) {
    if (name || uid)
      throw new CliError('--bound-object-kind is required if --bound-object-name or --bound-object-uid is provided');
    return undefined;
  }
  const apiVersion = BOUND.get(kind);
  if (!apiVersion)
    throw new CliError(`supported --bound-object-kind values are ${[...BOUND.keys()].sort().join(', ')}`);
  if (!name) throw new CliError('--bound-object-name is required if --bound-object-kind is provided');
  return { apiVersion, kind, name, ...(uid ? { uid } : {}) };
}

/** `cox create token ACCOUNT` */
export async function createToken(ctx: CliContext, args: readonly string[], o: TokenFlags): Promise<void> {
  const [name, extra] = args;
  if (!name || extra !== undefined) throw new CliError(`exactly one NAME is required, got ${args.length}`);
  const boundObjectRef = boundObject(o);
  const spec = {
    ...(o.audience ? { audiences: [...o.audience] } : {}),
    ...(o.duration ? { expirationSeconds: parseSeconds(o.duration) } : {}),
    ...(boundObjectRef ? { boundObjectRef } : {}),
  };
  const path = `/api/v1/namespaces/${encodeURIComponent(ctx.namespace)}/serviceaccounts/${encodeURIComponent(name)}/token`;
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
  let answer: KubeObject & { status: { token: string } };
  try {
    answer = await ctx.rest.json({ method: 'POST', path, body });
  } catch (e) {
    throw new CliError(`failed to create token: ${(e as Error).message}`);
  }
  if (o.output) ctx.out(printObject(answer, o, () => `tokenrequest.authentication.k8s.io/${name}`));
  else ctx.out(`${answer.status.token}\n`);
}
