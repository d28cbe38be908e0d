import type { Clock } from '#async/clock.ts';
import { GrpcConnection } from '#grpc/connection.ts';
import {
  compactionRequest,
  type GuardedAnswer,
  type GuardedRequest,
  guardedAnswer,
  guardedRequest,
  leaseGrantRequest,
  leaseIn,
  putRequest,
  type RangeAnswer,
  type RangeQuery,
  rangeAnswer,
  rangeRequest,
  revisionIn,
} from './messages.ts';

/** PEM. */
export interface ClientTls {
  readonly ca: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

export interface MemberOptions {
  readonly url: string;
  readonly tls?: ClientTls;
  readonly clock: Clock;
}

/**
 * Calls of one etcd member. They do not go through the etcd3 package, which needs several times the processor time for a
 * call; it serves the watches. Deadlines are epoch milliseconds. @throws GrpcError
 */
export class Member {
  readonly #connection: GrpcConnection;

  constructor(o: MemberOptions) {
    this.#connection = new GrpcConnection(o);
  }

  async range(q: RangeQuery, deadline: number): Promise<RangeAnswer> {
    return rangeAnswer(await this.#connection.unary('/etcdserverpb.KV/Range', rangeRequest(q), deadline));
  }

  async guarded(w: GuardedRequest, deadline: number): Promise<GuardedAnswer> {
    return guardedAnswer(await this.#connection.unary('/etcdserverpb.KV/Txn', guardedRequest(w), deadline));
  }

  /** @returns the revision of the write */
  async put(key: Buffer, value: Buffer, deadline: number): Promise<number> {
    return revisionIn(await this.#connection.unary('/etcdserverpb.KV/Put', putRequest(key, value), deadline));
  }

  async compact(revision: number, deadline: number): Promise<void> {
    await this.#connection.unary('/etcdserverpb.KV/Compact', compactionRequest(revision), deadline);
  }

  /** @returns the lease's id */
  async grantLease(ttlSeconds: number, deadline: number): Promise<bigint> {
    const answer = await this.#connection.unary(
      '/etcdserverpb.Lease/LeaseGrant',
      leaseGrantRequest(ttlSeconds),
      deadline,
    );
    return leaseIn(answer);
  }

  close(): void {
    this.#connection.close();
  }
}
