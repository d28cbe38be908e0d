import { readFileSync } from 'node:fs';
import { type Clock, systemClock } from '#async/clock.ts';
import { type Logger, silentLogger } from '#process/logger.ts';
import { UserError } from '#process/user-error.ts';
import type { Storage } from '../storage.ts';
import { Endpoints } from './endpoints.ts';
import { EtcdStorage } from './etcd.ts';
import type { ClientTls } from './member.ts';

export interface EtcdOptions {
  /**
   * Of every member `https://name:port`, or `unix:///path` for one of this machine: its socket is guarded by the folder it is
   * in. One answering member is enough to start.
   */
  readonly endpoints: readonly string[];
  /** PEM files. */
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly logger?: Logger;
  readonly clock?: Clock;
}

function readPem(what: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (e) {
    throw new UserError(`cannot read the etcd ${what} ${path}: ${(e as NodeJS.ErrnoException).code}`);
  }
}

function clientTls(o: EtcdOptions): ClientTls {
  if (!o.caFile)
    throw new UserError('etcd endpoints with https need the file of the CA that signed their certificates');
  if (!o.certFile !== !o.keyFile) throw new UserError('the etcd client certificate and its key must be given together');
  return {
    ca: readPem('CA file', o.caFile),
    ...(o.certFile ? { cert: readPem('client certificate', o.certFile) } : {}),
    ...(o.keyFile ? { key: readPem('client key', o.keyFile) } : {}),
  };
}

/**
 * A Storage over an etcd cluster. Does not wait for the cluster to answer: that is what `health` is for.
 * @throws UserError one sentence on wrong endpoints or unreadable files.
 */
export async function openEtcd(o: EtcdOptions): Promise<Storage> {
  const urls = o.endpoints.map((e) => e.trim()).filter(Boolean);
  if (urls.length === 0) throw new UserError('no etcd endpoints are given');
  const wrong = urls.find((u) => !/^(https?:\/\/[^/\s]+:\d+|unix:\/\/\/\S+)$/.test(u));
  if (wrong) throw new UserError(`etcd endpoint ${wrong} is not of the form https://name:port or unix:///path`);
  const secure = urls.some((u) => u.startsWith('https:'));
  if (secure && urls.some((u) => u.startsWith('http:'))) {
    throw new UserError('the etcd endpoints must be all https or all http');
  }
  const clock = o.clock ?? systemClock;
  const logger = o.logger ?? silentLogger;
  const endpoints = new Endpoints({ urls, ...(secure ? { tls: clientTls(o) } : {}), clock, logger });
  return new EtcdStorage({ endpoints, clock, logger });
}
