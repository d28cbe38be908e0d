import { Agent as PlainAgent, request as plainRequest } from 'node:http';
import { Agent, type AgentOptions, request } from 'node:https';
import type { Duplex } from 'node:stream';
import type { Kubeconfig } from '#client/kubeconfig.ts';
import { proxyOf } from './proxies.ts';

type Connected = (e: Error | null, socket?: Duplex) => void;
type Target = AgentOptions & { readonly host?: string | null; readonly port?: number | string | null };

async function connectThrough(proxy: URL, o: Target, secure: boolean): Promise<Duplex> {
  const { throughSocks } = await import('./socks.ts');
  const socket = await throughSocks(proxy, o.host ?? '', Number(o.port));
  if (!secure) return socket;
  const { connect } = await import('node:tls');
  return connect({ ...(o as object), socket });
}

/** An agent whose connections go through a proxy of SOCKS. */
function viaSocks<A extends PlainAgent>(agent: A, proxy: URL, secure: boolean): A {
  const createConnection = (o: Target, done: Connected): undefined => {
    connectThrough(proxy, o, secure).then((socket) => done(null, socket), done);
  };
  return Object.assign(agent, { createConnection });
}

/** What holds the connections to a server; undefined where the one of all programs does. @throws CliError for a proxy of another kind */
export function agentFor(config: Kubeconfig): PlainAgent | undefined {
  const proxy = proxyOf(config);
  const secure = config.server.startsWith('https:');
  const socks = proxy?.protocol.startsWith('socks') ? proxy : undefined;
  const name = secure ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const common = { keepAlive: true, ...(proxy && !socks ? { proxyEnv: { [name]: proxy.href } } : {}) };
  if (!secure) {
    if (!proxy) return undefined;
    const agent = new PlainAgent(common);
    return socks ? viaSocks(agent, socks, secure) : agent;
  }
  const agent = new Agent({
    ...common,
    ...(config.ca ? { ca: config.ca } : {}),
    ...(config.cert ? { cert: config.cert } : {}),
    ...(config.key ? { key: config.key } : {}),
    ...(config.tlsServerName ? { servername: config.tlsServerName } : {}),
    rejectUnauthorized: !config.insecureSkipTlsVerify,
  });
  return socks ? viaSocks(agent, socks, secure) : agent;
}

/** How requests to a server are sent. */
export interface Transport {
  readonly request: typeof plainRequest;
  readonly agent: PlainAgent | undefined;
}

/** @throws CliError for a proxy of another kind than those that are spoken */
export const transportFor = (config: Kubeconfig): Transport => ({
  request: config.server.startsWith('https:') ? request : plainRequest,
  agent: agentFor(config),
});
