import { closeSync, fstatSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { apiMicroTime } from '#api/meta/time.ts';
import type { Logger } from '#process/logger.ts';
import { ANONYMOUS } from '../authn/authenticator.ts';
import { actorOf } from '../authn/impersonation.ts';
import type { UserInfo } from '../request/context.ts';
import type { RequestInfo } from '../request/info.ts';
import { AuditAnnotations } from './annotations.ts';
import { attempted } from './attempted.ts';
import { type AuditPolicy, type Stage, type Verdict, verdictOf } from './policy.ts';

export interface AuditOptions {
  readonly path: string;
  readonly policy: AuditPolicy;
  /** A file that has grown beyond this is put aside. */
  readonly maxBytes: number;
  /** How many that were put aside are kept: path.1 is the youngest. */
  readonly backups: number;
}

/** A request when it has been answered. */
export interface Audited {
  readonly info: RequestInfo;
  readonly user: UserInfo;
  readonly request: IncomingMessage;
  readonly body: Buffer;
  readonly code: number;
  readonly annotations?: AuditAnnotations | undefined;
  /** Absent for streams. */
  readonly answer?: Buffer | string;
  /** Epoch milliseconds. */
  readonly received: number;
}

/** A request at one of its stages. */
type Moment = Omit<Audited, 'code' | 'annotations'> & {
  readonly code?: number;
  /** Why nobody knows who asks. */
  readonly message?: string;
  readonly annotations: AuditAnnotations;
};
/** A request of which nothing is known but who asks for what. */
export type Begun = Pick<Audited, 'info' | 'user' | 'request' | 'received'>;

const MAX_OBJECT_BYTES = 256 << 10;
/** What a client calls its request is cut off after so many characters. */
const MAX_ID = 64;
const NO_BODY = Buffer.alloc(0);

const userIn = ({ name, uid, groups, extra }: UserInfo) => ({ username: name, uid, groups, extra });

/** An object, or a list of them, without the notes on who set which field. */
function withoutManagedFields(o: unknown): unknown {
  if (typeof o !== 'object' || o === null) return o;
  const { metadata, items, ...rest } = o as { metadata?: { managedFields?: unknown }; items?: unknown };
  const { managedFields: _, ...kept } = metadata ?? {};
  return {
    ...rest,
    ...(metadata ? { metadata: kept } : {}),
    ...(Array.isArray(items) ? { items: items.map(withoutManagedFields) } : {}),
  };
}

/** JSON of a body, when it is some and not too long to keep. */
function objectIn(body: Buffer | string | undefined): unknown {
  if (body === undefined || body.length === 0 || body.length > MAX_OBJECT_BYTES) return undefined;
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}

/** The audit log: one audit.k8s.io/v1 Event a line, in files of bounded size and number ("Auditing"). */
export class AuditLog {
  readonly #o: AuditOptions;
  readonly #logger: Logger;
  /** Undefined while there is none: a number that was closed may be somebody else's connection by now. */
  #file: number | undefined;
  #size = 0;

  constructor(options: AuditOptions, logger: Logger) {
    this.#o = options;
    this.#logger = logger;
    this.#file = this.#open();
  }

  #open(): number {
    const file = openSync(this.#o.path, 'a', 0o600);
    this.#size = fstatSync(file).size;
    return file;
  }

  /**
   * Writes down that a request came from somebody known.
   * @returns where to note what is worth an entry; undefined for a request that will not be written down
   */
  begin(r: Begun): AuditAnnotations | undefined {
    const verdict = this.#verdict(r);
    if (verdict.level === 'None') return undefined;
    const given = r.request.headers['audit-id'];
    const annotations = new AuditAnnotations(verdict, typeof given === 'string' ? given.slice(0, MAX_ID) : undefined);
    this.#event({ ...r, body: NO_BODY, annotations }, 'RequestReceived');
    return annotations;
  }

  /** Writes down that the answer of a request which may last has begun. */
  started(r: Omit<Audited, 'answer'>): void {
    if (r.annotations) this.#event({ ...r, annotations: r.annotations }, 'ResponseStarted');
  }

  /** Writes one request down as the policy says. A log that cannot be written is reported, and holds nothing up. */
  record(r: Audited): void {
    if (r.annotations) this.#event({ ...r, annotations: r.annotations }, 'ResponseComplete');
    else if (r.user === ANONYMOUS) this.#refused(r);
  }

  /** Of whom nobody knows who it is, no request has begun; Kubernetes tells no more of it than its refusal. */
  #refused(r: Audited): void {
    const annotations = new AuditAnnotations(this.#verdict(r));
    this.#event({ ...r, annotations, message: attempted(r.request) }, 'ResponseStarted');
  }

  /** The policy speaks of who really asks. */
  #verdict({ request, user, info }: Begun): Verdict {
    return verdictOf(this.#o.policy, actorOf(request) ?? user, info);
  }

  #event(r: Moment, stage: Stage): void {
    const { level, omitStages, omitManagedFields } = r.annotations.verdict;
    if (level === 'None' || omitStages.includes(stage)) return;
    const { info, user, request, code, message, annotations } = r;
    const { resource, subresource, namespace, name, group, version } = info;
    const actor = actorOf(request);
    const object = (body: Buffer | string | undefined): unknown =>
      omitManagedFields ? withoutManagedFields(objectIn(body)) : objectIn(body);
    const event = {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level,
      auditID: annotations.auditID,
      stage,
      requestURI: request.url,
      verb: info.verb,
      user: message === undefined ? userIn(actor ?? user) : {},
      // Who may not act for others is nobody else.
      impersonatedUser: actor && user !== ANONYMOUS ? userIn(user) : undefined,
      sourceIPs: [request.socket.remoteAddress],
      userAgent: request.headers['user-agent'],
      objectRef: info.isResource
        ? {
            resource,
            namespace: namespace || undefined,
            name: name || undefined,
            apiGroup: group || undefined,
            apiVersion: version,
            subresource: subresource || undefined,
          }
        : undefined,
      responseStatus: code === undefined ? undefined : { metadata: {}, message, code },
      requestObject: annotations.withObjects ? object(r.body) : undefined,
      responseObject: level === 'RequestResponse' ? object(r.answer) : undefined,
      requestReceivedTimestamp: apiMicroTime(r.received),
      stageTimestamp: apiMicroTime(Date.now()),
      annotations: annotations.size > 0 ? Object.fromEntries(annotations) : undefined,
    };
    this.#write(Buffer.from(`${JSON.stringify(event)}\n`));
  }

  #write(line: Buffer): void {
    try {
      if (this.#size > 0 && this.#size + line.length > this.#o.maxBytes) this.#putAside();
      this.#file ??= this.#open();
      writeSync(this.#file, line);
      this.#size += line.length;
    } catch (err) {
      this.#logger.error({ err, path: this.#o.path }, 'the audit log cannot be written');
    }
  }

  /** A file that cannot be put aside grows on. */
  #putAside(): void {
    try {
      this.#rotate();
    } catch (err) {
      this.#logger.error({ err, path: this.#o.path }, 'the audit log cannot be put aside');
    }
  }

  #rotate(): void {
    const { path, backups } = this.#o;
    this.close();
    if (backups === 0) rmSync(path, { force: true });
    for (let i = backups; i > 0; i--) {
      const from = i === 1 ? path : `${path}.${i - 1}`;
      try {
        renameSync(from, `${path}.${i}`);
      } catch (e) {
        if ((e as NodeJS.ErrnoException).code !== 'ENOENT') throw e;
      }
    }
  }

  close(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file !== undefined) closeSync(file);
  }
}
