import { isIP } from 'node:net';
import type { Server } from './exchange.ts';

const DNS_PORT = 53;

/** Domains with name servers of their own, such as a company's internal zone. */
export class StubDomains {
  readonly #servers = new Map<string, readonly Server[]>();

  /**
   * @param domains domain → its servers, such as "10.0.0.1" or "10.0.0.1:5353", several joined by "+"
   * @throws Error naming the server that cannot be read
   */
  constructor(domains: Readonly<Record<string, string>> = {}) {
    for (const [domain, servers] of Object.entries(domains)) {
      this.#servers.set(domain.toLowerCase().replace(/\.$/, ''), servers.split('+').map(serverOf));
    }
  }

  /** Servers of the closest domain a name lies in; undefined for names of no such domain. @param name in lower case */
  serversFor(name: string): readonly Server[] | undefined {
    if (this.#servers.size === 0) return undefined;
    for (let at = 0; at >= 0; at = name.indexOf('.', at) + 1 || -1) {
      const found = this.#servers.get(name.slice(at));
      if (found) return found;
    }
    return undefined;
  }
}

function serverOf(text: string): Server {
  const m = /^(?:\[(.+)\]|([^:]+|.*:.*:.*?))(?::(\d{1,5}))?$/.exec(text);
  const host = m?.[1] ?? m?.[2] ?? '';
  const port = m?.[3] === undefined ? DNS_PORT : Number(m[3]);
  if (isIP(text)) return { host: text, port: DNS_PORT };
  if (!isIP(host) || port < 1 || port > 65_535) {
    throw new Error(`"${text}" is not the address of a name server, such as 10.0.0.1 or 10.0.0.1:5353`);
  }
  return { host, port };
}
