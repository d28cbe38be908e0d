/** Header compression of HTTP/2 (RFC 7541) as a client needs it that wants to be read, not to be short. */

/** Told of each header of a block, in order. */
export type OnHeader = (name: string, value: string) => void;

interface Header {
  readonly name: string;
  readonly value: string;
}

/** RFC 7541 appendix A: names that come with a value once or more, then those that come without. */
const STATIC: readonly Header[] = [
  ...[':authority ', ':method GET', ':method POST', ':path /', ':path /index.html', ':scheme http', ':scheme https'],
  ...[200, 204, 206, 304, 400, 404, 500].map((code) => `:status ${code}`),
  ...['accept-charset ', 'accept-encoding gzip, deflate', 'accept-language ', 'accept-ranges ', 'accept '],
  ...['access-control-allow-origin ', 'age ', 'allow ', 'authorization ', 'cache-control ', 'content-disposition '],
  ...['content-encoding ', 'content-language ', 'content-length ', 'content-location ', 'content-range '],
  ...['content-type ', 'cookie ', 'date ', 'etag ', 'expect ', 'expires ', 'from ', 'host ', 'if-match '],
  ...['if-modified-since ', 'if-none-match ', 'if-range ', 'if-unmodified-since ', 'last-modified ', 'link '],
  ...['location ', 'max-forwards ', 'proxy-authenticate ', 'proxy-authorization ', 'range ', 'referer ', 'refresh '],
  ...['retry-after ', 'server ', 'set-cookie ', 'strict-transport-security ', 'transfer-encoding ', 'user-agent '],
  ...['vary ', 'via ', 'www-authenticate '],
].map((line) => {
  const at = line.indexOf(' ');
  return { name: line.slice(0, at), value: line.slice(at + 1) };
});

/**
 * Lengths of the codes of RFC 7541 appendix B, in bits, one digit to the base of 36 for each character. Codes of a length
 * follow one another in the order of the characters, and longer ones follow shorter ones: lengths are all there is to know.
 */
const CODE_LENGTHS =
  'dnsssssssoussussssssssusssssssss' +
  '6aacd68baa8b8666555666666678f6ca' +
  'd67777777777777777777777878djde6' +
  'f56565666577666567655677777fbeds' +
  'kmkkmmmnmnnnnnonoomnonnnnlmnmnno' +
  'mlkmmnnlnmmolmnnllmlnmnnkmmmnmmn' +
  'qqkjmnmpqqqrrqopjlqrrqrollqqsrrr' +
  'koklmllnmmppooqnqrqqrrrrrsrrrrrq';
const LONGEST = 30;

/** Of each length: its first code, how many there are, and where their characters begin. */
function codesByLength(): { first: number[]; count: number[]; start: number[]; characters: string } {
  const lengths = [...CODE_LENGTHS].map((digit) => Number.parseInt(digit, 36));
  const first: number[] = [];
  const count: number[] = [];
  const start: number[] = [];
  let characters = '';
  for (let length = 0, next = 0; length <= LONGEST; length++) {
    next *= 2;
    first.push(next);
    start.push(characters.length);
    for (const [character, l] of lengths.entries()) if (l === length) characters += String.fromCharCode(character);
    count.push(characters.length - (start[length] ?? 0));
    next += count[length] ?? 0;
  }
  return { first, count, start, characters };
}
const CODES = codesByLength();

/** @throws RangeError for what is no text */
function unpacked(bytes: Buffer): string {
  let text = '';
  let code = 0;
  let length = 0;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      code = code * 2 + ((byte >> bit) & 1);
      length++;
      if (length > LONGEST) throw new RangeError('a header has a code that means nothing');
      const at = code - (CODES.first[length] ?? 0);
      if (at < 0 || at >= (CODES.count[length] ?? 0)) continue;
      text += CODES.characters[(CODES.start[length] ?? 0) + at];
      code = 0;
      length = 0;
    }
  }
  // What is left of the last byte is filled with ones.
  if (length > 7 || code !== 2 ** length - 1) throw new RangeError('a header ends within a code');
  return text;
}

/** Bytes that an entry of the table counts beside its text: RFC 7541 section 4.1. */
const ENTRY_BYTES = 32;
/** The size of the table unless both sides have agreed on another one. */
const TABLE_BYTES = 4096;
const LARGEST_NUMBER = 1 << 24;

/** The headers of one direction of a connection: every block of it must pass through here, in order. */
export class HpackDecoder {
  readonly #limit: number;
  /** The newest first. */
  readonly #table: Header[] = [];
  #size = 0;
  #maxSize: number;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  /** @param tableBytes what the other side was told it may use */
  constructor(tableBytes = TABLE_BYTES) {
    this.#limit = tableBytes;
    this.#maxSize = tableBytes;
  }

  /** @throws RangeError when the block is damaged; what follows cannot be read then */
  decode(block: Buffer, onHeader: OnHeader): void {
    this.#bytes = block;
    this.#at = 0;
    while (this.#at < block.length) {
      const byte = block[this.#at] ?? 0;
      if (byte >= 0x80) {
        const { name, value } = this.#entry(this.#number(7));
        onHeader(name, value);
      } else if (byte >= 0x40) {
        const header = this.#literal(6);
        this.#add(header);
        onHeader(header.name, header.value);
      } else if (byte >= 0x20) {
        this.#resize(this.#number(5));
      } else {
        const { name, value } = this.#literal(4);
        onHeader(name, value);
      }
    }
  }

  /** A number that begins with the last `bits` bits of a byte. */
  #number(bits: number): number {
    const most = (1 << bits) - 1;
    let value = this.#byte() & most;
    if (value < most) return value;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#byte();
      value += (byte & 127) * scale;
      if (value > LARGEST_NUMBER) throw new RangeError('a number among the headers is too large');
      if (byte < 128) return value;
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new RangeError('a block of headers ends too early');
    return byte;
  }

  #text(): string {
    const packed = (this.#bytes[this.#at] ?? 0) >= 0x80;
    const length = this.#number(7);
    const from = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) throw new RangeError('a block of headers ends too early');
    return packed ? unpacked(this.#bytes.subarray(from, this.#at)) : this.#bytes.toString('latin1', from, this.#at);
  }

  #literal(bits: number): Header {
    const index = this.#number(bits);
    const name = index === 0 ? this.#text() : this.#entry(index).name;
    return { name, value: this.#text() };
  }

  #entry(index: number): Header {
    const found = index > STATIC.length ? this.#table[index - STATIC.length - 1] : STATIC[index - 1];
    if (!found) throw new RangeError(`there is no header ${index}`);
    return found;
  }

  #add(header: Header): void {
    this.#table.unshift(header);
    this.#size += sizeOf(header);
    this.#evict();
  }

  #resize(bytes: number): void {
    if (bytes > this.#limit) throw new RangeError(`a table of ${bytes} bytes for headers is more than was allowed`);
    this.#maxSize = bytes;
    this.#evict();
  }

  #evict(): void {
    while (this.#size > this.#maxSize) {
      const oldest = this.#table.pop();
      if (!oldest) return;
      this.#size -= sizeOf(oldest);
    }
  }
}

const sizeOf = ({ name, value }: Header): number => name.length + value.length + ENTRY_BYTES;

/** A text not packed, after its length. */
function plain(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) | 128);
  return Buffer.concat([Buffer.from([...length, rest]), bytes]);
}

/** A block of headers that leaves the other side's table as it is: the same bytes serve again and again. */
export const headerBlock = (headers: Readonly<Record<string, string>>): Buffer =>
  Buffer.concat(Object.entries(headers).flatMap(([name, value]) => [Buffer.from([0]), plain(name), plain(value)]));
