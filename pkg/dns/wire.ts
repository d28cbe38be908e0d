/** The DNS message format: RFC 1035 section 4, RFC 6891 (EDNS). Only what a server has to read and write. */

export const TYPE = { A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, TXT: 16, AAAA: 28, SRV: 33, OPT: 41, ANY: 255 } as const;
/** BADVERS is of EDNS: its upper bits stand in the OPT record (RFC 6891 section 9). */
export const RCODE = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5, BADVERS: 16 } as const;
const CLASS_IN = 1;
const HEADER = 12;
const MAX_NAME = 255;
const MAX_LABEL = 63;
/** Answers over UDP to clients without EDNS (RFC 1035 section 2.3.4), bytes. */
const PLAIN_UDP = 512;
/** What fits an Ethernet frame over IPv6: larger ones are sent truncated, whatever the client says it takes. */
const MAX_UDP = 1232;
/** RD, AD and CD (RFC 4035 section 3.2). */
const WISHES = 0x0130;
const DNSSEC_OK = 0x8000;
/** Stands for a dot within a label, so that "a.b" as one label is not taken for two. No byte is written so. */
const INNER_DOT = '\u2024';
/** The least a record takes whose name stands in the question: that, type, class, time to live, length and an IPv4 address. */
const LEAST_RECORD = 16;

export interface Query {
  readonly id: number;
  readonly opcode: number;
  readonly recursionDesired: boolean;
  /** Bits of the head that are meant for whoever answers in the end: recursion desired, authentic data, checking disabled. */
  readonly wishes: number;
  /** Lower case, without the final dot; "" is the root. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** Bytes of the question as they came: answers repeat the client's spelling. */
  readonly question: Buffer;
  readonly edns: boolean;
  /** Of EDNS; 0 is the only one there is (RFC 6891). */
  readonly ednsVersion: number;
  /** The client takes signatures (RFC 3225). */
  readonly dnssecOk: boolean;
  /** The largest answer the client takes over UDP, bytes. */
  readonly udpSize: number;
}

export type RecordData =
  | { readonly type: typeof TYPE.A | typeof TYPE.AAAA; readonly address: Buffer }
  | { readonly type: typeof TYPE.CNAME | typeof TYPE.PTR | typeof TYPE.NS; readonly target: string }
  | { readonly type: typeof TYPE.SRV; readonly port: number; readonly weight: number; readonly target: string }
  | { readonly type: typeof TYPE.TXT; readonly text: string }
  | { readonly type: typeof TYPE.SOA; readonly server: string; readonly mailbox: string; readonly minimum: number };

export type ResourceRecord = RecordData & {
  /** Lower case, without the final dot. */
  readonly name: string;
  /** Seconds. */
  readonly ttl: number;
};

export interface Response {
  readonly rcode: number;
  readonly authoritative: boolean;
  readonly answers: readonly ResourceRecord[];
  readonly authority?: readonly ResourceRecord[];
  readonly additional?: readonly ResourceRecord[];
}

export class FormatError extends Error {}

/**
 * Reads a name at `at`: in lower case, with a character for each byte between its first length and the final zero.
 * @returns the name and where what follows it begins. @throws FormatError
 */
export function readName(message: Buffer, at: number): { name: string; end: number } {
  const labels: string[] = [];
  let end = -1;
  let length = 0;
  for (let i = at; ; ) {
    const n = message[i];
    if (n === undefined) throw new FormatError('name runs past the end');
    if (n === 0) return { name: labels.join('.'), end: end < 0 ? i + 1 : end };
    if (n >= 0xc0) {
      const to = ((n & 0x3f) << 8) | (message[i + 1] ?? 0);
      // A pointer only ever points back, so that a loop is impossible.
      if (to >= i) throw new FormatError('pointer points forward');
      if (end < 0) end = i + 2;
      i = to;
      continue;
    }
    if (n > MAX_LABEL || i + 1 + n > message.length) throw new FormatError('bad label');
    length += n + 1;
    if (length >= MAX_NAME) throw new FormatError('name too long');
    const label = message.toString('latin1', i + 1, i + 1 + n).toLowerCase();
    labels.push(label.includes('.') ? label.replaceAll('.', INNER_DOT) : label);
    i += n + 1;
  }
}

/** Skips a resource record's fixed part. @returns where it is, of what type, and where the next one begins. */
export function readRecord(message: Buffer, at: number): { type: number; ttlAt: number; dataAt: number; end: number } {
  const { end } = readName(message, at);
  if (end + 10 > message.length) throw new FormatError('record runs past the end');
  const dataAt = end + 10;
  const next = dataAt + message.readUInt16BE(end + 8);
  if (next > message.length) throw new FormatError('record data runs past the end');
  return { type: message.readUInt16BE(end), ttlAt: end + 4, dataAt, end: next };
}

/** @throws FormatError for what is no query with one question; `id` of a message too short to have one is 0. */
export function parseQuery(message: Buffer): Query {
  if (message.length < HEADER) throw new FormatError('too short');
  const flags = message.readUInt16BE(2);
  if (flags & 0x8000) throw new FormatError('not a query');
  if (message.readUInt16BE(4) !== 1) throw new FormatError('not one question');
  const { name, end } = readName(message, HEADER);
  if (end + 4 > message.length) throw new FormatError('question runs past the end');
  // What it would point to is the head, which is not the same in the question that is passed on.
  if (end !== HEADER + (name === '' ? 1 : name.length + 2)) throw new FormatError('pointer in the question');
  const edns = findOpt(message, end + 4);
  return {
    id: message.readUInt16BE(0),
    opcode: (flags >> 11) & 0xf,
    recursionDesired: (flags & 0x0100) !== 0,
    wishes: flags & WISHES,
    name,
    type: message.readUInt16BE(end),
    class: message.readUInt16BE(end + 2),
    question: message.subarray(HEADER, end + 4),
    edns: edns !== undefined,
    ednsVersion: edns?.version ?? 0,
    dnssecOk: edns?.dnssecOk ?? false,
    udpSize: Math.min(Math.max(edns?.udpSize ?? 0, PLAIN_UDP), MAX_UDP),
  };
}

/** What an OPT record says, if there is one. */
function findOpt(message: Buffer, at: number): { udpSize: number; version: number; dnssecOk: boolean } | undefined {
  const others = message.readUInt16BE(6) + message.readUInt16BE(8);
  const records = others + message.readUInt16BE(10);
  let next = at;
  for (let i = 0; i < records; i++) {
    const r = readRecord(message, next);
    // The class of an OPT record is the size; its time to live begins with the upper bits of the code, then the version.
    if (i >= others && r.type === TYPE.OPT) {
      const dnssecOk = (message.readUInt16BE(r.ttlAt + 2) & DNSSEC_OK) !== 0;
      return { udpSize: message.readUInt16BE(r.ttlAt - 2), version: message[r.ttlAt + 1] ?? 0, dnssecOk };
    }
    next = r.end;
  }
  return undefined;
}

/** Writes one message; names are compressed except where RFC 2782 forbids it. */
class Writer {
  #buffer = Buffer.allocUnsafe(1024);
  length = 0;
  readonly #offsets = new Map<string, number>();

  #room(n: number): void {
    if (this.length + n <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.length + n));
    this.#buffer.copy(larger, 0, 0, this.length);
    this.#buffer = larger;
  }
  u8(v: number): void {
    this.#room(1);
    this.#buffer[this.length++] = v;
  }
  u16(v: number): void {
    this.#room(2);
    this.length = this.#buffer.writeUInt16BE(v, this.length);
  }
  u32(v: number): void {
    this.#room(4);
    this.length = this.#buffer.writeUInt32BE(v, this.length);
  }
  bytes(b: Buffer): void {
    this.#room(b.length);
    this.length += b.copy(this.#buffer, this.length);
  }
  setU16(at: number, v: number): void {
    this.#buffer.writeUInt16BE(v, at);
  }
  /** Makes every suffix of a name known to stand at `at`. */
  know(name: string, at: number): void {
    for (let rest = name, offset = at; rest !== ''; ) {
      if (!this.#offsets.has(rest)) this.#offsets.set(rest, offset);
      const dot = rest.indexOf('.');
      if (dot < 0) return;
      offset += dot + 1;
      rest = rest.slice(dot + 1);
    }
  }
  name(name: string, compress = true): void {
    let rest = name;
    while (rest !== '') {
      const known = compress ? this.#offsets.get(rest) : undefined;
      if (known !== undefined) {
        this.u16(0xc000 | known);
        return;
      }
      if (compress && this.length < 0x4000) this.#offsets.set(rest, this.length);
      const dot = rest.indexOf('.');
      const label = dot < 0 ? rest : rest.slice(0, dot);
      this.#room(label.length + 1);
      this.#buffer[this.length++] = label.length;
      this.length += this.#buffer.write(label, this.length, 'latin1');
      rest = dot < 0 ? '' : rest.slice(dot + 1);
    }
    this.u8(0);
  }
  done(): Buffer {
    return this.#buffer.subarray(0, this.length);
  }
}

function writeData(w: Writer, r: ResourceRecord): void {
  switch (r.type) {
    case TYPE.A:
    case TYPE.AAAA:
      w.bytes(r.address);
      break;
    case TYPE.CNAME:
    case TYPE.PTR:
    case TYPE.NS:
      w.name(r.target);
      break;
    case TYPE.SRV:
      for (const n of [0, r.weight, r.port]) w.u16(n);
      w.name(r.target, false);
      break;
    case TYPE.TXT:
      w.u8(r.text.length);
      w.bytes(Buffer.from(r.text, 'latin1'));
      break;
    case TYPE.SOA:
      w.name(r.server);
      w.name(r.mailbox);
      // Serial, refresh, retry, expire: nobody transfers this zone.
      for (const n of [1, 7200, 1800, 86_400, r.minimum]) w.u32(n);
  }
}

function writeRecord(w: Writer, r: ResourceRecord): void {
  w.name(r.name);
  w.u16(r.type);
  w.u16(CLASS_IN);
  w.u32(r.ttl);
  const lengthAt = w.length;
  w.u16(0);
  writeData(w, r);
  w.setU16(lengthAt, w.length - lengthAt - 2);
}

interface Head {
  readonly rcode: number;
  readonly authoritative: boolean;
  readonly truncated: boolean;
}

function writeHead(w: Writer, q: Query, h: Head, counts: readonly [number, number, number]): void {
  const flags =
    0x8000 |
    (q.opcode << 11) |
    (h.authoritative ? 0x0400 : 0) |
    (h.truncated ? 0x0200 : 0) |
    (q.recursionDesired ? 0x0100 : 0) |
    0x0080;
  w.u16(q.id);
  w.u16(flags | (h.rcode & 0xf));
  w.u16(1);
  for (const n of counts) w.u16(n);
  w.bytes(q.question);
}

function writeOpt(w: Writer, q: Query, rcode: number): void {
  if (!q.edns) return;
  w.u8(0);
  w.u16(TYPE.OPT);
  w.u16(MAX_UDP);
  w.u16((rcode >> 4) << 8);
  w.u16(q.dnssecOk ? DNSSEC_OK : 0);
  w.u16(0);
}

/**
 * A question of our own for what a client asks. Options of EDNS, such as a cookie, concern two who speak to each other: an
 * answer to them would be of no use to the next client that gets it.
 * @param id to tell the answer by
 */
export function questionFor(q: Query, id: number): Buffer {
  const w = new Writer();
  for (const n of [id, q.wishes, 1, 0, 0, q.edns ? 1 : 0]) w.u16(n);
  w.bytes(q.question);
  writeOpt(w, q, RCODE.NOERROR);
  return w.done();
}

/** @param limit largest size, bytes: what does not fit is left out, and an answer that lacks some marked (RFC 2181 section 9). */
export function encodeResponse(q: Query, r: Response, limit: number): Buffer {
  const { answers, authority = [], additional = [] } = r;
  const whole = encode(q, { ...r, truncated: false }, [answers, authority, additional]);
  if (whole.length <= limit) return whole;
  // Additional records are a courtesy: leaving them out is no truncation.
  const bare = additional.length > 0 ? encode(q, { ...r, truncated: false }, [answers, authority, []]) : whole;
  return bare.length <= limit ? bare : cutResponse(q, r, limit);
}

/** As many answers as fit: clients that never come again over TCP, as musl before 1.2.4, take what they get. */
function cutResponse(q: Query, r: Response, limit: number): Buffer {
  const head = { ...r, truncated: true };
  let cut = truncatedResponse(q, r);
  let [low, high] = [0, Math.min(r.answers.length - 1, Math.floor(limit / LEAST_RECORD))];
  while (low < high) {
    const n = Math.ceil((low + high) / 2);
    const tried = encode(q, head, [r.answers.slice(0, n)]);
    if (tried.length <= limit) [low, cut] = [n, tried];
    else high = n - 1;
  }
  return cut;
}

function encode(q: Query, head: Head, sections: readonly (readonly ResourceRecord[])[]): Buffer {
  const w = new Writer();
  const [answers = [], authority = [], additional = []] = sections;
  writeHead(w, q, head, [answers.length, authority.length, additional.length + (q.edns ? 1 : 0)]);
  w.know(q.name, HEADER);
  for (const section of sections) for (const r of section) writeRecord(w, r);
  writeOpt(w, q, head.rcode);
  return w.done();
}

/** No records, and the bit that tells the client to come again over TCP. */
export const truncatedResponse = (q: Query, r: { readonly rcode: number; readonly authoritative: boolean }): Buffer =>
  encode(q, { ...r, truncated: true }, []);

/** An answer to a message that could not be read as a query. */
export function formatErrorResponse(message: Buffer): Buffer | undefined {
  if (message.length < HEADER || message.readUInt16BE(2) & 0x8000) return undefined;
  const head = Buffer.alloc(HEADER);
  message.copy(head, 0, 0, 2);
  head.writeUInt16BE(0x8000 | (message.readUInt16BE(2) & 0x7900) | RCODE.FORMERR, 2);
  return head;
}
