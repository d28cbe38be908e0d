import { once } from 'node:events';
import { type AddressInfo, createServer, isIP, type Server } from 'node:net';
import type { Service } from '#api/kinds/index.ts';
import { hostPort } from '#api/meta/ip.ts';
import { pathOf } from '../api/discovery.ts';
import { parseSeconds } from '../commands/logs.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { parseTargets } from '../targets.ts';
import { PodLink } from './link.ts';
import { type PortPair, portPair } from './ports.ts';

export interface ForwardFlags {
  readonly address?: readonly string[];
  readonly podRunningTimeout?: string;
}

async function serviceOf(ctx: CliContext, target: string): Promise<Service | undefined> {
  if (!target.includes('/')) return undefined;
  const [found] = await parseTargets([target], await ctx.discovery());
  if (found?.resource.plural !== 'services') return undefined;
  return ctx.rest.json<Service>({ path: pathOf(found.resource, ctx.namespace, found.name) });
}

/** Listens on one address. @returns undefined where the address is not available, which is told */
async function listen(ctx: CliContext, link: PodLink, pair: PortPair, host: string): Promise<Server | undefined> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const local = (server.address() as AddressInfo | null)?.port ?? pair.local;
    ctx.out(`Handling connection for ${local}\n`);
    socket.on('error', () => socket.destroy());
    void link.carry(socket, { local, remote: pair.remote });
  });
  server.listen(pair.local, host);
  try {
    await once(server, 'listening');
  } catch (e) {
    ctx.err(`Unable to listen on ${host}:${pair.local}: ${(e as Error).message}\n`);
    return undefined;
  }
  const { port } = server.address() as AddressInfo;
  ctx.out(`Forwarding from ${hostPort(host, port)} -> ${pair.remote}\n`);
  return server;
}

/** Both loopback addresses get the same port: one that is free on the first is taken on the second. */
async function listenAll(
  ctx: CliContext,
  link: PodLink,
  pairs: readonly PortPair[],
  addresses: readonly string[],
): Promise<Server[]> {
  const servers: Server[] = [];
  for (const pair of pairs) {
    let local = pair.local;
    for (const host of addresses) {
      const server = await listen(ctx, link, { ...pair, local }, host);
      if (!server) continue;
      servers.push(server);
      local = (server.address() as AddressInfo).port;
    }
  }
  return servers;
}

/** `cox port-forward TARGET PORTS…`, until it is interrupted. */
export async function portForward(ctx: CliContext, args: readonly string[], o: ForwardFlags): Promise<void> {
  const [target, ...ports] = args;
  if (!target || ports.length === 0) throw new CliError('TYPE/NAME and list of ports are required for port-forward');
  const link = new PodLink(ctx, target);
  try {
    const service = await serviceOf(ctx, target);
    const pod = await link.connect(parseSeconds(o.podRunningTimeout ?? '1m') * 1000);
    const pairs = ports.map((p) => portPair(p, pod, service));
    const hosts = (o.address ?? ['localhost']).flatMap((a) => a.split(','));
    const odd = hosts.find((h) => h !== 'localhost' && isIP(h) === 0);
    if (odd !== undefined) throw new CliError(`${odd} is not a valid IP`);
    const addresses = hosts.flatMap((h) => (h === 'localhost' ? ['127.0.0.1', '::1'] : [h]));
    const servers = await listenAll(ctx, link, pairs, addresses);
    if (servers.length === 0) throw new CliError('unable to listen on any of the requested ports');
    if (!ctx.signal.aborted) await once(ctx.signal, 'abort');
    for (const s of servers) s.close();
  } finally {
    link.close();
  }
}
