import type { KubeObject } from '#api/meta/objectmeta.ts';
import { pathOf } from '../api/discovery.ts';
import { watchToItsEnd } from '../api/watch-lines.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { evaluateJsonPath, relaxed } from '../output/jsonpath.ts';
import { chosenObjects, type Named, namedTargets } from '../targets.ts';
import { parseSeconds } from './logs.ts';
import { label } from './write.ts';

export interface WaitOptions {
  readonly for?: readonly string[];
  readonly timeout?: string;
  readonly all?: boolean;
  readonly selector?: string;
  readonly fieldSelector?: string;
  readonly allNamespaces?: boolean;
  readonly filename?: readonly string[];
  readonly output?: string;
}

/** Undefined object: it does not exist. */
type Wanted = (o: KubeObject | undefined) => boolean;

interface Conditions {
  status?: {
    conditions?: { type: string; status: string; observedGeneration?: number }[];
    observedGeneration?: number;
  };
}

function condition(text: string): Wanted {
  const [name = '', value = 'true'] = text.split('=');
  return (o) => {
    const { status } = (o ?? {}) as Conditions;
    const found = status?.conditions?.find((c) => c.type.toLowerCase() === name.toLowerCase());
    // A condition about an older state of the object says nothing about this one.
    const seen = found?.observedGeneration ?? status?.observedGeneration;
    const current = seen === undefined || seen >= (o?.metadata?.generation ?? 0);
    return current && found?.status.toLowerCase() === value.toLowerCase();
  };
}

function jsonpath(text: string): Wanted {
  const m = /^(\{.*\}|[^=]*)(?:=(.*))?$/s.exec(text);
  const path = `{${relaxed(m?.[1] ?? '')}}`;
  const value = m?.[2]?.replace(/^(['"])(.*)\1$/s, '$2');
  return (o) => {
    const found = o ? evaluateJsonPath(path, o) : '';
    return value === undefined ? found !== '' : found === value;
  };
}

/** @throws CliError */
function wantedBy(text: string): Wanted {
  if (text === 'delete') return (o) => o === undefined;
  if (text === 'create') return (o) => o !== undefined;
  if (text.startsWith('condition=')) return condition(text.slice('condition='.length));
  if (text.startsWith('jsonpath=')) return jsonpath(text.slice('jsonpath='.length));
  throw new CliError(`unrecognized condition: "${text}"; use condition=NAME, delete, create or jsonpath={…}=VALUE`);
}

/** Watches one object until it is as wanted. @returns false if it was already gone when it should go: nothing to tell of */
async function until(
  ctx: CliContext,
  c: Named,
  how: { wanted: Wanted; absent: boolean; awaited: boolean; signal: AbortSignal },
): Promise<boolean> {
  const path = pathOf(c.resource, c.namespace);
  let seen = false;
  // However short the time is: the object is looked at once.
  for (let round = 0; round === 0 || !how.signal.aborted; round++) {
    const list = await ctx.rest.json<{ items: KubeObject[]; metadata: { resourceVersion: string } }>({
      path,
      query: { fieldSelector: `metadata.name=${c.name}` },
    });
    const [now] = list.items;
    seen ||= now !== undefined;
    if (how.wanted(now)) return now !== undefined || round > 0;
    // The server's own words for an object that is not there.
    if (!now && !how.absent) await ctx.rest.json({ path: pathOf(c.resource, c.namespace, c.name) });
    const query = {
      fieldSelector: `metadata.name=${c.name}`,
      watch: true,
      resourceVersion: list.metadata.resourceVersion,
    };
    for await (const e of watchToItsEnd(ctx.rest, { path, query, signal: how.signal })) {
      if (how.wanted(e.type === 'DELETED' ? undefined : (e.object as KubeObject))) return true;
    }
  }
  if (ctx.signal.aborted) return false;
  if (!seen && how.awaited) throw new CliError('timed out waiting for the condition');
  throw new CliError(`timed out waiting for the condition on ${c.resource.plural}/${c.name}`);
}

/** `cox wait --for=… TYPE/NAME` */
export async function wait(ctx: CliContext, args: readonly string[], o: WaitOptions): Promise<void> {
  const wishes = o.for ?? [];
  if (wishes.length === 0) throw new CliError('say what to wait for: --for=condition=Ready, --for=delete, …');
  const seconds = parseSeconds(o.timeout ?? '30s');
  // kubectl: zero looks once, a negative time means a week.
  const WEEK_MS = 7 * 86_400_000;
  const end =
    seconds < 0
      ? AbortSignal.timeout(WEEK_MS)
      : seconds === 0
        ? AbortSignal.timeout(1)
        : AbortSignal.timeout(seconds * 1000);
  const signal = AbortSignal.any([ctx.signal, end]);
  const absent = wishes.some((w) => w === 'create' || w === 'delete');
  const objects = await namedTargets(ctx, await chosenObjects(ctx, args, o), o);
  if (objects.length === 0) {
    if (!absent) throw new CliError('no matching resources found');
    return;
  }
  for (const c of objects) {
    let told = true;
    for (const wish of wishes)
      told = await until(ctx, c, { wanted: wantedBy(wish), absent, awaited: wish === 'create', signal });
    if (told) ctx.out(`${label(c.resource, c.name)}${o.output === 'name' ? '' : ' condition met'}\n`);
  }
}
