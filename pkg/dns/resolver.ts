import type { ClusterZone } from './cluster-zone.ts';
import type { Forwarder } from './upstream/forwarder.ts';
import {
  encodeResponse,
  FormatError,
  formatErrorResponse,
  parseQuery,
  type Query,
  RCODE,
  type RecordData,
  type ResourceRecord,
  type Response,
  readName,
  readRecord,
  TYPE,
  truncatedResponse,
} from './wire.ts';
import { ofType } from './zone.ts';

export interface ResolverDeps {
  readonly zone: ClusterZone;
  readonly forwarder: Forwarder;
  /**
   * Whether the zone is known wholly. Until then who asks for a name or an address of the cluster is sent away: an empty zone
   * would say that there is no such name. Other names are answered.
   */
  readonly complete?: () => boolean;
  /** Told of every answer, for metrics. */
  readonly observe?: (source: 'cluster' | 'upstream', rcode: number) => void;
}

/** Changes must be seen soon: clients may keep an answer this long, seconds. */
const TTL_S = 5;
const MAX_CHAIN = 8;
const MAX_TCP = 65_535;
const CLASS_IN = 1;
const CLASS_ANY = 255;

type Way = 'udp' | 'tcp';

/** A message in, a message out. Questions about the cluster are answered at once, others passed on. */
export class Resolver {
  readonly #deps: ResolverDeps;
  readonly #suffix: string;

  constructor(deps: ResolverDeps) {
    this.#deps = deps;
    this.#suffix = `.${deps.zone.domain}`;
  }

  /** @returns nothing for what is not worth an answer. Synchronous for the cluster's own names. */
  answer(message: Buffer, way: Way): Buffer | undefined | Promise<Buffer> {
    let q: Query;
    try {
      q = parseQuery(message);
    } catch (e) {
      if (e instanceof FormatError) return formatErrorResponse(message);
      throw e;
    }
    const limit = way === 'tcp' ? MAX_TCP : q.udpSize;
    if (q.ednsVersion > 0) return this.#plain(q, RCODE.BADVERS, limit);
    if (q.opcode !== 0) return this.#plain(q, RCODE.NOTIMP, limit);
    if (q.class !== CLASS_IN && q.class !== CLASS_ANY) return this.#plain(q, RCODE.REFUSED, limit);
    const relative = this.#relative(q.name);
    const backwards = q.name.endsWith('.arpa');
    if ((relative !== undefined || backwards) && this.#deps.complete?.() === false)
      return this.#plain(q, RCODE.SERVFAIL, limit);
    if (relative !== undefined) return this.#cluster(q, relative, limit);
    const reverse = backwards ? this.#deps.zone.findReverse(q.name) : undefined;
    if (reverse) return this.#own(q, { answers: named(q.name, ofType(reverse, q.type)), limit });
    return this.#forward(q, limit);
  }

  /** The name below the cluster domain, "" for the domain itself, undefined for names elsewhere. */
  #relative(name: string): string | undefined {
    if (name.endsWith(this.#suffix)) return name.slice(0, -this.#suffix.length);
    return name === this.#deps.zone.domain ? '' : undefined;
  }

  #plain(q: Query, rcode: number, limit: number): Buffer {
    this.#deps.observe?.('cluster', rcode);
    return encodeResponse(q, { rcode, authoritative: false, answers: [] }, limit);
  }

  #cluster(q: Query, relative: string, limit: number): Buffer | Promise<Buffer> {
    const found = this.#deps.zone.find(relative);
    if (!found) return this.#own(q, { rcode: RCODE.NXDOMAIN, answers: [], limit });
    if (relative === '' && q.type === TYPE.SOA) return this.#own(q, { answers: [this.#soa()], limit });
    const answers = named(q.name, shuffled(ofType(found, q.type)));
    const alias = answers.find((r) => r.type === TYPE.CNAME);
    if (alias?.type === TYPE.CNAME && q.type !== TYPE.CNAME && q.type !== TYPE.ANY) {
      return this.#follow(q, [alias], alias.target).then((chain) => this.#own(q, { answers: chain, limit }));
    }
    return this.#own(q, { answers, limit });
  }

  /** An answer from the cluster's data; without records it carries the SOA, which says how long that may be believed. */
  #own(q: Query, r: { rcode?: number; answers: readonly ResourceRecord[]; limit: number }): Buffer {
    const { rcode = RCODE.NOERROR, answers, limit } = r;
    const response: Response = {
      rcode,
      authoritative: true,
      answers,
      ...(answers.length === 0 ? { authority: [this.#soa()] } : { additional: this.#addressesOf(answers) }),
    };
    this.#deps.observe?.('cluster', rcode);
    return encodeResponse(q, response, limit);
  }

  #soa(): ResourceRecord {
    const { domain } = this.#deps.zone;
    const data = {
      type: TYPE.SOA,
      server: `ns.dns.${domain}`,
      mailbox: `hostmaster.${domain}`,
      minimum: TTL_S,
    } as const;
    return { name: domain, ttl: TTL_S, ...data };
  }

  /** The addresses of SRV and NS targets, which the client would ask for next. */
  #addressesOf(answers: readonly ResourceRecord[]): ResourceRecord[] {
    const targets = new Set(answers.flatMap((r) => (r.type === TYPE.SRV || r.type === TYPE.NS ? [r.target] : [])));
    return [...targets].flatMap((target) => {
      const relative = this.#relative(target);
      const found = relative === undefined ? undefined : this.#deps.zone.find(relative);
      return named(
        target,
        (found ?? []).filter((d) => d.type === TYPE.A || d.type === TYPE.AAAA),
      );
    });
  }

  /** What the alias stands for, from the cluster or from upstream: clients expect the whole chain in one answer. */
  async #follow(q: Query, chain: ResourceRecord[], target: string): Promise<ResourceRecord[]> {
    const relative = this.#relative(target);
    if (relative === undefined) return [...chain, ...(await this.#upstreamAddresses(q, target))];
    const records = named(target, ofType(this.#deps.zone.find(relative) ?? [], q.type));
    const next = records.find((r) => r.type === TYPE.CNAME);
    if (next?.type !== TYPE.CNAME) return [...chain, ...records];
    if (chain.length >= MAX_CHAIN || chain.some((r) => r.name === target)) return chain;
    return this.#follow(q, [...chain, next], next.target);
  }

  async #upstreamAddresses(q: Query, target: string): Promise<ResourceRecord[]> {
    try {
      const answer = await this.#deps.forwarder.answer(parseQuery(addressQuery(target, q.type)));
      return addressesIn(answer, target);
    } catch {
      // The alias alone is still a true answer.
      return [];
    }
  }

  async #forward(q: Query, limit: number): Promise<Buffer> {
    try {
      const answer = await this.#deps.forwarder.answer(q);
      const rcode = (answer[3] ?? 0) & 0xf;
      this.#deps.observe?.('upstream', rcode);
      return answer.length <= limit ? answer : truncatedResponse(q, { rcode, authoritative: false });
    } catch {
      this.#deps.observe?.('upstream', RCODE.SERVFAIL);
      return encodeResponse(q, { rcode: RCODE.SERVFAIL, authoritative: false, answers: [] }, limit);
    }
  }
}

const named = (name: string, data: readonly RecordData[]): ResourceRecord[] =>
  data.map((d) => ({ ...d, name, ttl: TTL_S }));

/** Clients take the first: each order gives every endpoint its share. */
function shuffled(data: readonly RecordData[]): readonly RecordData[] {
  if (data.length < 2) return data;
  const out = [...data];
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [out[i], out[j]] = [out[j] as RecordData, out[i] as RecordData];
  }
  return out;
}

function addressQuery(name: string, type: number): Buffer {
  const labels = name.split('.').map((l) => Buffer.concat([Buffer.from([l.length]), Buffer.from(l, 'latin1')]));
  const tail = Buffer.from([0, type >> 8, type & 0xff, 0, CLASS_IN]);
  return Buffer.concat([Buffer.from([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]), ...labels, tail]);
}

/** Addresses of an upstream answer, all under the name asked for: an alias upstream is of no interest here. */
function addressesIn(answer: Buffer, name: string): ResourceRecord[] {
  const records: ResourceRecord[] = [];
  let at = readName(answer, 12).end + 4;
  for (let left = answer.readUInt16BE(6); left > 0; left--) {
    const r = readRecord(answer, at);
    if (r.type === TYPE.A || r.type === TYPE.AAAA) {
      const address = Buffer.from(answer.subarray(r.dataAt, r.end));
      records.push({ type: r.type, address, name, ttl: answer.readUInt32BE(r.ttlAt) });
    }
    at = r.end;
  }
  return records;
}
