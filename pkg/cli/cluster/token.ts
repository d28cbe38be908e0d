import { randomInt } from 'node:crypto';
import type { ConfigMap, EndpointSlice, Secret } from '#api/kinds/index.ts';
import { StatusError } from '#api/meta/errors.ts';
import { systemClock } from '#async/clock.ts';
import { parseSeconds } from '../commands/logs.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { formatColumns } from '../output/columns.ts';
import { authorityHash } from './join/discovery.ts';

export interface BootstrapTokenFlags {
  readonly ttl?: string;
  readonly description?: string;
  readonly printJoinCommand?: boolean;
}

const PATH = '/api/v1/namespaces/kube-system/secrets';
const TYPE = 'bootstrap.kubernetes.io/token';
const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

const random = (length: number): string => Array.from({ length }, () => LETTERS[randomInt(LETTERS.length)]).join('');

const INFO = '/api/v1/namespaces/kube-public/configmaps/cluster-info';
const SIGNED_MS = 60_000;
const LOOK_MS = 100;

/** A command is printed when it works: once the token has signed. */
async function untilSigned(ctx: CliContext, id: string): Promise<void> {
  const end = systemClock.now() + SIGNED_MS;
  while (systemClock.now() < end) {
    const info = await ctx.rest.json<ConfigMap>({ path: INFO }).catch((e: unknown) => {
      if (e instanceof StatusError && e.code === 404) return undefined;
      throw e;
    });
    if (info?.data?.[`jws-kubeconfig-${id}`]) return;
    await systemClock.sleep(LOOK_MS, ctx.signal);
  }
  ctx.err(`The controller manager has not signed cluster-info within ${SIGNED_MS / 1000} s: does it run?\n`);
}

/** host:port where machines outside reach the API servers: what these say themselves, not what this kubeconfig names. */
async function address(ctx: CliContext): Promise<string> {
  const path = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes';
  const { endpoints = [], ports } = await ctx.rest.json<EndpointSlice>({ path });
  const [host, port] = [endpoints[0]?.addresses[0], ports?.[0]?.port];
  return host === undefined || port === undefined ? new URL(ctx.config.server).host : `${host}:${port}`;
}

/** `cox cluster token create`: a token by which a machine may ask for a node's certificate ("Authenticating with Bootstrap Tokens"). */
export async function createBootstrapToken(ctx: CliContext, o: BootstrapTokenFlags): Promise<void> {
  const seconds = parseSeconds(o.ttl ?? '24h');
  const [id, secret] = [random(6), random(16)];
  const expiration = new Date(systemClock.now() + seconds * 1000).toISOString();
  const body = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: `bootstrap-token-${id}`, namespace: 'kube-system' },
    type: TYPE,
    stringData: {
      'token-id': id,
      'token-secret': secret,
      'usage-bootstrap-authentication': 'true',
      'usage-bootstrap-signing': 'true',
      ...(seconds > 0 ? { expiration } : {}),
      ...(o.description ? { description: o.description } : {}),
    },
  };
  await ctx.rest.json({ method: 'POST', path: PATH, body });
  if (o.printJoinCommand) {
    await untilSigned(ctx, id);
    const hash = authorityHash(ctx.config.ca ?? '');
    ctx.out(`cox cluster join ${await address(ctx)} --token ${id}.${secret} --discovery-token-ca-cert-hash ${hash}\n`);
    return;
  }
  ctx.out(`${id}.${secret}\n`);
  if (ctx.config.ca) ctx.err(`The certificate authority is ${authorityHash(ctx.config.ca)}\n`);
}

/** `cox cluster token list` */
export async function listBootstrapTokens(ctx: CliContext): Promise<void> {
  const { items } = await ctx.rest.json<{ items: Secret[] }>({ path: PATH, query: { fieldSelector: `type=${TYPE}` } });
  const now = systemClock.now();
  const rows = items.map((s) => {
    const value = (key: string): string => Buffer.from(s.data?.[key] ?? '', 'base64').toString();
    const until = value('expiration');
    const left = until === '' ? 'for ever' : Date.parse(until) > now ? `until ${until}` : `ended ${until}`;
    return [`${value('token-id')}.<hidden>`, left, value('description') || '<none>'];
  });
  ctx.out(formatColumns([['TOKEN', 'VALID', 'DESCRIPTION'], ...rows]));
}

/** `cox cluster token delete ID…` */
export async function deleteBootstrapTokens(ctx: CliContext, args: readonly string[]): Promise<void> {
  if (args.length === 0) throw new CliError('say which: cox cluster token delete ID');
  for (const text of args) {
    const id = text.split('.')[0] ?? '';
    if (!/^[a-z0-9]{6}$/.test(id))
      throw new CliError(`"${id}" is no id of a token: six letters and digits, before the dot`);
    await ctx.rest.json({ method: 'DELETE', path: `${PATH}/bootstrap-token-${id}` });
    ctx.out(`bootstrap token "${id}" deleted\n`);
  }
}
