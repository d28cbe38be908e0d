import { isIP } from 'node:net';
import { contains, parseNetwork } from '#api/meta/ip.ts';
import type { Kubeconfig } from '#client/kubeconfig.ts';
import { CliError } from '../errors.ts';

/** Schemes of proxies we can speak with. */
const SPOKEN = new Set(['http:', 'https:', 'socks5:', 'socks5h:']);

/** @param named where it was read. @throws CliError for what is no proxy */
function parsed(text: string, named: string): URL {
  // As curl and Go take it: a proxy without a scheme speaks HTTP.
  const url = /^[a-z0-9]+:\/\//i.test(text) ? text : `http://${text}`;
  const proxy = URL.canParse(url) ? new URL(url) : undefined;
  if (proxy?.hostname && SPOKEN.has(proxy.protocol)) return proxy;
  throw new CliError(`${named} "${text}" is no proxy: it takes http://, https:// or socks5://, a host, and a port`);
}

const bare = (host: string): string => host.replace(/^\[|\]$/g, '').toLowerCase();

function isLocal(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function inNetwork(host: string, network: string): boolean {
  if (isIP(host) === 0) return false;
  try {
    return contains(parseNetwork(network), host);
  } catch {
    return false;
  }
}

/** Whether one word of NO_PROXY means a server: "*", an address, a network, "example.com", ".example.com", each but "*" and networks with a port. */
function means(word: string, host: string, port: string): boolean {
  if (word === '*') return true;
  if (word.includes('/')) return inNetwork(host, word);
  const [, name = '', wanted] = /^(\[.*\]|[^:]*|.*:.*:.*?)(?::(\d+))?$/.exec(word) ?? [];
  if (wanted !== undefined && wanted !== port) return false;
  const asked = bare(name).replace(/^\*/, '');
  if (asked === '') return false;
  if (isIP(asked)) return host === asked;
  return asked.startsWith('.') ? host.endsWith(asked) : host === asked || host.endsWith(`.${asked}`);
}

/**
 * How a server is reached when not directly: by the kubeconfig's proxy-url, else by $HTTPS_PROXY ($HTTP_PROXY for servers of
 * http://, both also in small letters) unless $NO_PROXY names it, and never to this machine.
 * @throws CliError for a proxy of another kind
 */
export function proxyOf(
  { server, proxyUrl }: Pick<Kubeconfig, 'server' | 'proxyUrl'>,
  env: NodeJS.ProcessEnv = process.env,
): URL | undefined {
  if (proxyUrl) return parsed(proxyUrl, 'proxy-url');
  if (!URL.canParse(server)) return undefined;
  const { protocol, hostname, port } = new URL(server);
  const secure = protocol === 'https:';
  const name = secure ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const text = env[name] || env[name.toLowerCase()];
  const host = bare(hostname);
  if (!text || isLocal(host)) return undefined;
  const words = (env.NO_PROXY || env.no_proxy || '').split(/[\s,]+/).filter(Boolean);
  if (words.some((w) => means(w, host, port || (secure ? '443' : '80')))) return undefined;
  return parsed(text, `$${name}`);
}
