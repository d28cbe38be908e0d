import { X509Certificate } from 'node:crypto';
import { StatusError } from '#api/meta/errors.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { systemClock } from '#async/clock.ts';
import { nearest, pathOf } from './api/discovery.ts';
import type { CliContext } from './context.ts';

/** A hint is worth waiting this long, milliseconds. */
const LIMIT_MS = 1_000;
const MAX_NAMES = 500;
/** What a Date can hold. */
const MAX_SECONDS = 8.64e12;

/** For the name of an object that is not there: the nearest one that is. Undefined where there is none, or nobody reads it. */
async function suggestion(ctx: CliContext, e: unknown): Promise<string | undefined> {
  if (process.stderr.isTTY !== true || !(e instanceof StatusError) || e.reason !== 'NotFound') return undefined;
  const { kind: plural, group = '', name } = e.status.details ?? {};
  if (!plural || !name) return undefined;
  try {
    const resource = await (await ctx.discovery()).find(group ? `${plural}.${group}` : plural);
    const { items } = await ctx.rest.json<{ items: KubeObject[] }>({
      path: pathOf(resource, ctx.namespace),
      query: { limit: MAX_NAMES },
      accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json',
      signal: AbortSignal.any([ctx.signal, AbortSignal.timeout(LIMIT_MS)]),
    });
    const names = items.map((i) => i.metadata?.name ?? '');
    const near = nearest(name, names) ?? names.find((n) => n.startsWith(name));
    return near === undefined ? undefined : `Did you mean "${near}"?`;
  } catch {
    return undefined;
  }
}

/** Why the server does not know somebody who has a certificate. */
function endedCertificate(ctx: CliContext, e: unknown): string | undefined {
  if (!(e instanceof StatusError) || e.reason !== 'Unauthorized' || !ctx.config.cert) return undefined;
  const { validTo } = new X509Certificate(ctx.config.cert);
  if (Date.parse(validTo) > systemClock.now()) return undefined;
  return `Your client certificate ended on ${validTo}; "cox cluster certs renew" on the control plane makes a new one`;
}

/** Why the server does not know somebody who has a token: one that says itself when it ended (RFC 7519 §4.1.4). */
function endedToken(ctx: CliContext, e: unknown): string | undefined {
  if (!(e instanceof StatusError) || e.reason !== 'Unauthorized' || !ctx.config.token) return undefined;
  const ended = endOf(ctx.config.token);
  if (ended === undefined || ended > systemClock.now()) return undefined;
  return `Your token ended on ${new Date(ended).toUTCString()}; "cox create token" or whoever gave it makes a new one`;
}

/** When a JSON Web Token ends, milliseconds; undefined for one that does not say, and for a token of another kind. */
function endOf(token: string): number | undefined {
  try {
    const { exp } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { exp?: unknown };
    return typeof exp === 'number' && Math.abs(exp) < MAX_SECONDS ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}

/** Lines that may help somebody whose command has failed. */
export async function hintsFor(ctx: CliContext, e: unknown): Promise<string[]> {
  const hint = endedCertificate(ctx, e) ?? endedToken(ctx, e) ?? (await suggestion(ctx, e));
  return hint === undefined ? [] : [hint];
}
