import { createSocket, type Socket } from 'node:dgram';
import { Resolver as Client } from 'node:dns/promises';
import { connect, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Clock, systemClock } from '#async/clock.ts';
import { silentLogger } from '#process/logger.ts';
import type { ClusterZone } from './cluster-zone.ts';
import { Resolver } from './resolver.ts';
import { type DnsServer, listenDns } from './server.ts';
import { Forwarder } from './upstream/forwarder.ts';
import { encodeResponse, parseQuery, type RecordData, type ResourceRecord, TYPE } from './wire.ts';
import { Zone } from './zone.ts';

/** An address of this machine that no other process uses, so that ports of it, below those the kernel gives away, are free. */
const HERE = `127.${(process.pid >> 16) & 255}.${(process.pid >> 8) & 255}.${process.pid & 255}`;
const [PORT, UPSTREAM_PORT] = [11_653, 11_654];

const a = (...bytes: number[]): RecordData => ({ type: TYPE.A, address: Buffer.from(bytes) });

/** A name server of the world outside: its answers, and how often it was asked. */
class Upstream {
  asked: string[] = [];
  records = new Map<string, readonly ResourceRecord[]>();
  silent = false;
  readonly #udp: Socket = createSocket('udp4');
  readonly #tcp = createServer((s) =>
    s.on('data', (d) => {
      const answer = this.#answer(d.subarray(2), 65_535);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(answer.length);
      s.end(Buffer.concat([length, answer]));
    }),
  );

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#tcp.listen(UPSTREAM_PORT, HERE, resolve));
    this.#udp.on('message', (m, from) => {
      if (!this.silent) this.#udp.send(this.#answer(m, 512), from.port, from.address);
    });
    await new Promise<void>((resolve) => this.#udp.bind(UPSTREAM_PORT, HERE, resolve));
  }
  stop(): void {
    this.#udp.close();
    this.#tcp.close();
  }
  #answer(message: Buffer, limit: number): Buffer {
    const q = parseQuery(message);
    this.asked.push(`${q.name}/${q.type}`);
    const found = this.records.get(q.name);
    const answers = (found ?? []).filter((r) => r.type === q.type);
    return encodeResponse(q, { rcode: found ? 0 : 3, authoritative: false, answers }, limit);
  }
}

/** How many times longer than usual an upstream server is waited for: this process may be late to read its answer. */
let patience = 30;
/** Its time stands still, so that the answer over TCP has as long as that over UDP, and nothing remembered gets old. */
const clock: Clock = { ...systemClock, now: () => 0, after: (ms, fn) => systemClock.after(ms * patience, fn) };
const zone = new Zone();
const upstream = new Upstream();
const client = new Client({ timeout: 30_000, tries: 1 });
let server: DnsServer;

beforeAll(async () => {
  zone.set('web', new Map([['web.shop.svc', [a(10, 96, 1, 2)]]]));
  zone.set(
    'db',
    new Map<string, RecordData[]>([
      ['db.shop.svc', Array.from({ length: 200 }, (_, i) => a(10, 244, 0, i))],
      ['_pg._tcp.db.shop.svc', [{ type: TYPE.SRV, port: 5432, weight: 100, target: 'db-0.db.shop.svc.cluster.local' }]],
      ['db-0.db.shop.svc', [a(10, 244, 0, 9)]],
    ]),
  );
  zone.set('alias', new Map([['alias.shop.svc', [{ type: TYPE.CNAME, target: 'example.com' }]]]));
  zone.set('inner', new Map([['inner.shop.svc', [{ type: TYPE.CNAME, target: 'web.shop.svc.cluster.local' }]]]));
  zone.set('loop', new Map([['loop.shop.svc', [{ type: TYPE.CNAME, target: 'loop.shop.svc.cluster.local' }]]]));
  await upstream.start();
  upstream.records.set('example.com', [{ ...a(192, 0, 2, 1), name: 'example.com', ttl: 300 } as ResourceRecord]);
  upstream.records.set(
    'large.example.com',
    Array.from(
      { length: 60 },
      (_, i) => ({ ...a(192, 0, 2, i), name: 'large.example.com', ttl: 300 }) as ResourceRecord,
    ),
  );
  const reverse: RecordData[] = [{ type: TYPE.PTR, target: 'web.shop.svc.cluster.local' }];
  const resolver = new Resolver({
    zone: {
      domain: 'cluster.local',
      find: (n: string) => (n === '' ? [] : zone.find(n)),
      findReverse: (n: string) => (n === '2.1.96.10.in-addr.arpa' ? reverse : undefined),
    } as unknown as ClusterZone,
    forwarder: new Forwarder({
      clock,
      servers: async () => [{ host: HERE, port: UPSTREAM_PORT }],
    }),
  });
  server = await listenDns({ address: HERE, port: PORT, resolver, logger: silentLogger, idleMs: 120_000 });
  client.setServers([`${HERE}:${PORT}`]);
});
afterAll(async () => {
  await server.close();
  upstream.stop();
});

const codeOf = (p: Promise<unknown>): Promise<string> =>
  p.then(
    () => 'an answer',
    (e: { code: string }) => e.code,
  );

describe('names of the cluster, asked by a real client', () => {
  test('an address, in any spelling', async () => {
    expect(await client.resolve4('Web.Shop.svc.CLUSTER.local')).toEqual(['10.96.1.2']);
  });
  test('no such name, and no such record of a name', async () => {
    expect(await codeOf(client.resolve4('nobody.shop.svc.cluster.local'))).toBe('ENOTFOUND');
    expect(await codeOf(client.resolve6('web.shop.svc.cluster.local'))).toBe('ENODATA');
    expect(await codeOf(client.resolve4('shop.svc.cluster.local'))).toBe('ENODATA');
  });
  test('a service with its target', async () => {
    expect(await client.resolveSrv('_pg._tcp.db.shop.svc.cluster.local')).toMatchObject([
      { name: 'db-0.db.shop.svc.cluster.local', port: 5432, priority: 0, weight: 100 },
    ]);
  });
  test('backwards', async () => {
    expect(await client.reverse('10.96.1.2')).toEqual(['web.shop.svc.cluster.local']);
  });
  test('an answer too large for a datagram comes whole over TCP, in changing order', async () => {
    const [one, two] = await Promise.all([1, 2].map(() => client.resolve4('db.shop.svc.cluster.local')));
    expect(one).toHaveLength(200);
    expect(two).not.toEqual(one);
    expect([...(two ?? [])].sort()).toEqual([...(one ?? [])].sort());
  });
  test('an alias is followed, outside and inside; one of itself ends', async () => {
    expect(await client.resolve4('alias.shop.svc.cluster.local')).toEqual(['192.0.2.1']);
    expect(await client.resolve4('inner.shop.svc.cluster.local')).toEqual(['10.96.1.2']);
    expect(await client.resolve4('loop.shop.svc.cluster.local').catch(() => [])).toEqual([]);
  });
  test('the zone has a start of authority', async () => {
    expect(await client.resolveSoa('cluster.local')).toMatchObject({ nsname: 'ns.dns.cluster.local', minttl: 5 });
  });
});

describe('names elsewhere', () => {
  test('are asked once and remembered', async () => {
    upstream.asked = [];
    upstream.records.set('once.example.com', [
      { ...a(192, 0, 2, 7), name: 'once.example.com', ttl: 300 } as ResourceRecord,
    ]);
    for (let i = 0; i < 3; i++)
      expect(await client.resolve4('once.example.com', { ttl: true })).toMatchObject([{ address: '192.0.2.7' }]);
    expect(upstream.asked).toEqual([`once.example.com/${TYPE.A}`]);
  });
  test('that many ask for at once are asked once', async () => {
    upstream.asked = [];
    upstream.records.set('many.example.com', [
      { ...a(192, 0, 2, 8), name: 'many.example.com', ttl: 0 } as ResourceRecord,
    ]);
    await Promise.all(Array.from({ length: 20 }, () => client.resolve4('many.example.com')));
    expect(upstream.asked.length).toBeLessThan(20);
  });
  test('too large for a datagram', async () => {
    expect(await client.resolve4('large.example.com')).toHaveLength(60);
  });
  test('that do not exist', async () => {
    expect(await codeOf(client.resolve4('nowhere.example.com'))).toBe('ENOTFOUND');
  });
  test('when nobody answers, the failure is told', async () => {
    const patient = new Client({ timeout: 30_000, tries: 1 });
    patient.setServers([`${HERE}:${PORT}`]);
    upstream.silent = true;
    patience = 0.1;
    try {
      expect(await codeOf(patient.resolve4('silent.example.com'))).toBe('ESERVFAIL');
    } finally {
      upstream.silent = false;
      patience = 30;
    }
  });
});

const question = Buffer.from(
  '03776562 0473686f70 03737663 07636c7573746572 056c6f63616c 00 0001 0001'.replaceAll(' ', ''),
  'hex',
);
const head = (flags: number, questions = 1, id = 7) =>
  Buffer.from([0, id, flags >> 8, flags & 0xff, 0, questions, 0, 0, 0, 0, 0, 0]);

/** One message by UDP, as it is. A good question is sent after it: answers come in order, so none before that one's is none. */
async function raw(message: Buffer): Promise<Buffer | undefined> {
  const socket = createSocket('udp4');
  try {
    return await new Promise<Buffer | undefined>((resolve) => {
      socket.on('message', (answer) => resolve(answer[1] === 9 ? undefined : answer));
      socket.send(message, PORT, HERE, () => socket.send(Buffer.concat([head(0x0100, 1, 9), question]), PORT, HERE));
    });
  } finally {
    socket.close();
  }
}

test('a version of EDNS there is not is told so (RFC 6891 section 6.1.3)', async () => {
  const withOpt = (version: number) => {
    const start = head(0x0100);
    start.writeUInt16BE(1, 10);
    return Buffer.concat([start, question, Buffer.from([0, 0, TYPE.OPT, 0x10, 0, 0, version, 0, 0, 0, 0])]);
  };
  // Number of answers, the code's lower bits, and its upper ones, six bytes before the end: BADVERS is 16.
  const told = (m?: Buffer) => [m?.readUInt16BE(6), (m?.readUInt16BE(2) ?? 0) & 0xf, m?.at(-6)];
  expect([told(await raw(withOpt(0))), told(await raw(withOpt(1)))]).toEqual([
    [1, 0, 0],
    [0, 0, 1],
  ]);
});

describe('messages that are no questions', () => {
  const rcode = async (message: Buffer) => (await raw(message))?.readUInt16BE(2);

  test.each<[string, Buffer, number | undefined]>([
    ['a good one', Buffer.concat([head(0x0100), question]), 0x8580],
    ['an answer is not answered', Buffer.concat([head(0x8000), question]), undefined],
    ['too short', Buffer.from([0, 7, 1]), undefined],
    ['cut off', Buffer.concat([head(0x0100), question.subarray(0, 9)]), 0x8101],
    ['a pointer into the head', Buffer.concat([head(0x0100), Buffer.from([0xc0, 4, 0, 1, 0, 1])]), 0x8101],
    ['a pointer to itself', Buffer.concat([head(0x0100), Buffer.from([0xc0, 12, 0, 1, 0, 1])]), 0x8101],
    ['two questions', Buffer.concat([head(0x0100, 2), question, question]), 0x8101],
    ['another operation', Buffer.concat([head(0x2900), question]), 0xa984],
    ['another class', Buffer.concat([head(0x0100), question.subarray(0, -1), Buffer.from([3])]), 0x8185],
  ])('%s', async (_what, message, flags) => {
    expect(await rcode(message)).toBe(flags);
  });
});

describe('over TCP', () => {
  const ask = (id: number, name: string): Buffer => {
    const labels = name.split('.').map((l) => Buffer.concat([Buffer.from([l.length]), Buffer.from(l)]));
    const [start, type] = [
      Buffer.from([id >> 8, id & 0xff, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
      Buffer.from([0, 0, 1, 0, 1]),
    ];
    return Buffer.concat([start, ...labels, type]);
  };
  const framed = (message: Buffer): Buffer =>
    Buffer.concat([Buffer.from([message.length >> 8, message.length & 0xff]), message]);

  /** Sends pieces on one connection, each once there are as many answers as it waits for. @returns number of records by id */
  async function talk(
    pieces: readonly [after: number, bytes: Buffer][],
    answers: number,
  ): Promise<Map<number, number>> {
    const socket = connect(PORT, HERE);
    const [found, left] = [new Map<number, number>(), [...pieces]];
    let received = Buffer.alloc(0);
    const send = (): void => {
      while (left[0] && left[0][0] <= found.size) socket.write(left.shift()?.[1] ?? '');
    };
    try {
      await new Promise<void>((resolve, reject) => {
        socket
          .on('connect', send)
          .on('error', reject)
          .on('close', () => reject(new Error('the connection was closed')));
        socket.on('data', (chunk) => {
          received = Buffer.concat([received, chunk]);
          while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
            found.set(received.readUInt16BE(2), received.readUInt16BE(8));
            received = received.subarray(2 + received.readUInt16BE(0));
          }
          send();
          if (found.size === answers) resolve();
        });
      });
    } finally {
      socket.destroy();
    }
    return found;
  }
  const [WEB, DB] = ['web.shop.svc.cluster.local', 'db.shop.svc.cluster.local'];

  test('one connection takes one question after the other', async () => {
    const questions = [WEB, DB, 'example.com'].map((name, i) => [i, framed(ask(i, name))] as [number, Buffer]);
    expect([...(await talk(questions, 3))]).toEqual([
      [0, 1],
      [1, 200],
      [2, 1],
    ]);
  });

  test('and many at once, more than are answered at a time, of which each has its answer', async () => {
    const names = [WEB, 'large.example.com', DB];
    const records = [1, 60, 200];
    const all = Buffer.concat(Array.from({ length: 150 }, (_, i) => framed(ask(i, names[i % 3] ?? ''))));
    const found = await talk([[0, all]], 150);
    expect([...found].sort(([x], [y]) => x - y)).toEqual(Array.from({ length: 150 }, (_, i) => [i, records[i % 3]]));
  });

  test('however they are cut', async () => {
    const [first, second] = [framed(ask(1, WEB)), framed(ask(2, DB))];
    const pieces = [
      first.subarray(0, 1),
      first.subarray(1, 20),
      Buffer.concat([first.subarray(20), second.subarray(0, 1)]),
    ];
    const found = await talk([...pieces.map((p) => [0, p] as [number, Buffer]), [1, second.subarray(1)]], 2);
    expect([...found]).toEqual([
      [1, 1],
      [2, 200],
    ]);
  });

  test('of what a datagram cannot hold comes as much as it can, marked as cut off, and asked again here it comes whole', async () => {
    const cut = await raw(ask(5, DB));
    // 0x0200 says that it was cut off; of 512 bytes 43 are head and question, and each record has 16.
    expect([(cut?.readUInt16BE(2) ?? 0) & 0x0200, cut?.readUInt16BE(6), cut?.length]).toEqual([0x0200, 29, 507]);
    expect([...(await talk([[0, framed(ask(5, DB))]], 1))]).toEqual([[5, 200]]);
  });
});
