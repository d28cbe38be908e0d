import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '#async/clock.ts';
import { openEtcd } from '#storage/etcd/open.ts';
import type { Storage } from '#storage/storage.ts';
import { etcdSocket } from '../../bed/layout.ts';
import { freePorts } from '../../bed/ports.ts';
import { scratchFolder } from '../../bed/scratch.ts';

export interface EtcdClusterOptions {
  /** Default 1. */
  readonly members?: number;
  /** TLS with client certificates for clients; default plain http. */
  readonly tls?: boolean;
  /** Further etcd flags. */
  readonly flags?: readonly string[];
}

export interface TlsFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

export interface EtcdMember {
  readonly name: string;
  readonly url: string;
  readonly port: number;
  /** URL of the socket where it is spoken to without TLS. */
  readonly socket: string;
  /** SIGKILL, resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGSTOP: the member keeps its connections and says nothing. */
  freeze(): void;
  thaw(): void;
  /** Starts it again with its data. */
  start(): void;
}

export interface EtcdCluster {
  readonly members: readonly EtcdMember[];
  readonly endpoints: readonly string[];
  readonly tls?: TlsFiles;
  /** A client; closed with the cluster. */
  open(endpoints?: readonly string[]): Promise<Storage>;
  /** The member that leads, by asking each. */
  leader(): Promise<EtcdMember>;
  /** Stops everything and removes the data. */
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 60_000;

/** A CA, and one certificate for localhost that serves as server and client. */
function makeCertificates(dir: string): TlsFiles {
  const run = (...args: string[]): void => void execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];
  run('req', '-x509', ...ec, '-subj', '/CN=test-ca', '-keyout', 'ca.key', '-out', 'ca.crt');
  run('req', '-new', ...ec.slice(0, 5), '-subj', '/CN=etcd', '-keyout', 'etcd.key', '-out', 'etcd.csr');
  writeFileSync(
    join(dir, 'ext'),
    'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n',
  );
  const sign = ['-CAkey', 'ca.key', '-CAcreateserial', '-days', '1', '-extfile', 'ext'];
  run('x509', '-req', '-in', 'etcd.csr', '-CA', 'ca.crt', ...sign, '-out', 'etcd.crt');
  return { caFile: join(dir, 'ca.crt'), certFile: join(dir, 'etcd.crt'), keyFile: join(dir, 'etcd.key') };
}

/** Starts real etcd members with data in a folder of their own. Always `stop` it. */
export async function startEtcd(o: EtcdClusterOptions = {}): Promise<EtcdCluster> {
  const dir = scratchFolder('coxswain-etcd-');
  const count = o.members ?? 1;
  const ports = await freePorts(count * 2);
  const tls = o.tls ? makeCertificates(dir) : undefined;
  const scheme = tls ? 'https' : 'http';
  const names = Array.from({ length: count }, (_, i) => `m${i}`);
  const peerUrl = (i: number): string => `http://127.0.0.1:${ports[count + i]}`;
  const initial = names.map((n, i) => `${n}=${peerUrl(i)}`).join(',');
  const opened: Storage[] = [];
  const members = names.map((name, i) => {
    const url = `${scheme}://${tls ? 'localhost' : '127.0.0.1'}:${ports[i]}`;
    const listen = `${scheme}://127.0.0.1:${ports[i]}`;
    const flags = [
      ...['--name', name, '--data-dir', join(dir, name), '--log-level', 'error', '--logger', 'zap'],
      ...['--listen-client-urls', `${listen},unix://${etcdSocket(name)}`, '--advertise-client-urls', url],
      '--enable-grpc-gateway=false',
      ...['--listen-peer-urls', peerUrl(i), '--initial-advertise-peer-urls', peerUrl(i)],
      ...['--initial-cluster', initial, '--initial-cluster-token', dir],
      ...['--heartbeat-interval', '50', '--election-timeout', '500'],
      ...(tls
        ? [
            '--cert-file',
            tls.certFile,
            '--key-file',
            tls.keyFile,
            '--trusted-ca-file',
            tls.caFile,
            '--client-cert-auth',
          ]
        : []),
      ...(o.flags ?? []),
    ];
    return new MemberProcess({ name, url, port: ports[i] ?? 0, flags, dir });
  });
  const cluster: EtcdCluster = {
    members,
    endpoints: members.map((m) => m.url),
    ...(tls ? { tls } : {}),
    async open(endpoints) {
      const storage = await openEtcd({ endpoints: endpoints ?? cluster.endpoints, ...tls });
      opened.push(storage);
      return storage;
    },
    leader: () => leaderOf(members, tls),
    async stop() {
      await Promise.all(opened.map((s) => s.close()));
      await Promise.all(members.map((m) => m.kill()));
      rmSync(dir, { recursive: true, force: true });
    },
  };
  for (const m of members) m.start();
  try {
    const storage = await openEtcd({ endpoints: cluster.endpoints, ...tls });
    try {
      await untilHealthy(storage, members);
    } finally {
      await storage.close();
    }
    return cluster;
  } catch (e) {
    await cluster.stop();
    throw e;
  }
}

async function untilHealthy(storage: Storage, members: readonly MemberProcess[]): Promise<void> {
  const until = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      return await storage.health(2000);
    } catch (e) {
      const dead = members.find((m) => m.exited);
      if (dead) throw new Error(`etcd ${dead.name} ended: ${dead.logs()}`);
      if (Date.now() > until) throw e;
    }
  }
}

/** A member that the machine let wait too long loses the lead: for a moment there is none. */
async function leaderOf(members: readonly MemberProcess[], tls: TlsFiles | undefined): Promise<EtcdMember> {
  let found: EtcdMember | undefined;
  await eventually('a leader', async () => {
    found = await findLeader(members, tls).catch(() => undefined);
    return found !== undefined;
  });
  return found as EtcdMember;
}

async function findLeader(members: readonly MemberProcess[], tls: TlsFiles | undefined): Promise<EtcdMember> {
  const tlsFlags = tls ? ['--cacert', tls.caFile, '--cert', tls.certFile, '--key', tls.keyFile] : [];
  for (const m of members) {
    if (m.exited) continue;
    const flags = ['endpoint', 'status', '--endpoints', m.url, '--command-timeout', '10s', '-w', 'json', ...tlsFlags];
    const out = execFileSync('etcdctl', flags, { env: { ...process.env, ETCDCTL_API: '3' } }).toString();
    // Member ids need more than 53 bits: compare their digits.
    const id = /"member_id":(\d+)/.exec(out)?.[1];
    if (id && new RegExp(`"leader":${id}\\b`).test(out)) return m;
  }
  throw new Error('no leader');
}

class MemberProcess implements EtcdMember {
  readonly name: string;
  readonly url: string;
  readonly port: number;
  readonly socket: string;
  readonly #flags: readonly string[];
  readonly #dir: string;
  #process: ChildProcess | undefined;

  constructor(o: { name: string; url: string; port: number; flags: readonly string[]; dir: string }) {
    this.name = o.name;
    this.url = o.url;
    this.port = o.port;
    this.socket = `unix://${join(o.dir, etcdSocket(o.name))}`;
    this.#flags = o.flags;
    this.#dir = o.dir;
  }

  get #log(): string {
    return join(this.#dir, `${this.name}.log`);
  }

  get exited(): boolean {
    return this.#process === undefined || this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  logs(): string {
    return readFileSync(this.#log, 'utf8').slice(-2000);
  }

  start(): void {
    const fd = openSync(this.#log, 'a');
    rmSync(join(this.#dir, etcdSocket(this.name)), { force: true });
    this.#process = spawn('etcd', this.#flags, { stdio: ['ignore', fd, fd], cwd: this.#dir });
    closeSync(fd);
  }

  async kill(): Promise<void> {
    const p = this.#process;
    if (!p || this.exited) return;
    const gone = once(p, 'exit');
    p.kill('SIGKILL');
    await gone;
  }

  freeze(): void {
    this.#process?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#process?.kill('SIGCONT');
  }
}

/** Polls until `check` holds. */
export async function eventually(
  what: string,
  check: () => boolean | Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  const until = systemClock.now() + timeoutMs;
  while (!(await check())) {
    if (systemClock.now() > until) throw new Error(`not in time: ${what}`);
    await systemClock.sleep(10);
  }
}
