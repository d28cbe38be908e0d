import { noop } from 'cockatiel';
import { Etcd3, type IOptions } from 'etcd3';
import type { Clock } from '#async/clock.ts';
import type { Logger } from '#process/logger.ts';
import { brief } from './failures.ts';
import { type ClientTls, Member } from './member.ts';

/** One member of the cluster. */
export interface Endpoint {
  readonly url: string;
  readonly member: Member;
  /** For watches. */
  readonly streams: Etcd3;
  /** Not to be tried before this time unless all are in that state, epoch milliseconds. */
  avoidUntil: number;
  failures: number;
}

export interface EndpointOptions {
  readonly urls: readonly string[];
  /** For those with https. */
  readonly tls?: ClientTls;
  readonly clock: Clock;
  readonly logger: Logger;
}

const FIRST_AVOID_MS = 1000;
const MAX_AVOID_MS = 30_000;

const GRPC_OPTIONS: IOptions['grpcOptions'] = {
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  // A peer that vanished without a word (power cut) is noticed by unanswered pings.
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2000,
  // Proxy settings of the environment are meant for the outside world.
  'grpc.enable_http_proxy': 0,
};

const etcd3Credentials = ({ ca, cert, key }: ClientTls): NonNullable<IOptions['credentials']> => ({
  rootCertificate: ca,
  ...(cert ? { certChain: cert } : {}),
  ...(key ? { privateKey: key } : {}),
});

/**
 * The members, one of which serves everything until it fails. Staying with one keeps a write's answer and its watch
 * event on the same connection; a dead member costs one failed call, then it is avoided for a growing while.
 */
export class Endpoints {
  readonly #all: Endpoint[];
  readonly #clock: Clock;
  readonly #logger: Logger;
  #current: Endpoint;

  constructor(o: EndpointOptions) {
    this.#clock = o.clock;
    this.#logger = o.logger;
    // Clients for one member each: the package's own choice of member is random and knows nothing of their health, and
    // its retries repeat writes blindly. Nothing is connected before it is used.
    this.#all = o.urls.map((url) => {
      const tls = url.startsWith('https:') ? o.tls : undefined;
      const streams = new Etcd3({
        hosts: [url],
        ...(tls ? { credentials: etcd3Credentials(tls) } : {}),
        grpcOptions: GRPC_OPTIONS,
        faultHandling: { global: noop, host: () => noop },
      });
      const member = new Member({ url, ...(tls ? { tls } : {}), clock: o.clock });
      return { url, member, streams, avoidUntil: 0, failures: 0 };
    });
    const near = this.#all.filter((e) => e.url.startsWith('unix:'));
    const first = near.length > 0 ? near : this.#all;
    const start = first[Math.floor(Math.random() * first.length)];
    if (!start) throw new Error('no etcd endpoints');
    this.#current = start;
  }

  get current(): Endpoint {
    return this.#current;
  }

  get count(): number {
    return this.#all.length;
  }

  succeeded(e: Endpoint): void {
    e.failures = 0;
    e.avoidUntil = 0;
  }

  /** Turns to another member, once for all the calls that fail together on this one. */
  failed(e: Endpoint, error: unknown): void {
    if (e !== this.#current) return;
    const now = this.#clock.now();
    e.avoidUntil = now + Math.min(FIRST_AVOID_MS * 2 ** e.failures, MAX_AVOID_MS);
    e.failures++;
    const at = this.#all.indexOf(e);
    const others = [...this.#all.slice(at + 1), ...this.#all.slice(0, at), e];
    const usable = others.find((o) => o.avoidUntil <= now);
    this.#current = usable ?? others.reduce((a, b) => (b.avoidUntil < a.avoidUntil ? b : a));
    this.#logger.info({ from: e.url, to: this.#current.url, reason: brief(error) }, 'etcd member failed');
  }

  close(): void {
    for (const e of this.#all) {
      e.member.close();
      e.streams.close();
    }
  }
}
