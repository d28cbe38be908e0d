import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { errors } from '#api/meta/errors.ts';

/** Who is calling. */
export interface Identity {
  readonly name: string;
  readonly groups: readonly string[];
  readonly uid?: string;
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** Of nodes: "Kubelet authentication/authorization", kubelet authorization. */
export type Subresource =
  | 'proxy'
  | 'metrics'
  | 'stats'
  | 'log'
  | 'spec'
  | 'checkpoint'
  | 'pods'
  | 'healthz'
  | 'configz';

/** What the caller wants: a verb on the subresource `nodes/<subresource>` of this node. */
export interface Access {
  readonly verb: string;
  readonly subresource: Subresource;
}

export interface GateOptions {
  /** Checks a bearer token; null when it is not valid. Without it only client certificates are accepted. */
  readonly authenticate?: (token: string) => Promise<Identity | null>;
  /** Asked about everybody but the group system:masters, which may do everything. Without it nobody else may. */
  readonly authorize?: (identity: Identity, access: Access) => Promise<boolean>;
}

const VERBS: Readonly<Record<string, string>> = {
  GET: 'get',
  HEAD: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

const MASTERS = 'system:masters';

/** Authentication and authorization of every request to the agent. */
export class Gate {
  readonly #options: GateOptions;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /**
   * @param subresources one of them must be allowed
   * @throws StatusError 401 or 403
   */
  async admit(request: IncomingMessage, subresources: readonly Subresource[]): Promise<Identity> {
    const identity = certificateIdentity(request.socket as TLSSocket) ?? (await this.#tokenIdentity(request));
    if (!identity) throw errors.unauthorized();
    if (identity.groups.includes(MASTERS)) return identity;
    const verb = VERBS[request.method ?? ''] ?? '';
    for (const subresource of subresources) {
      if (await this.#options.authorize?.(identity, { verb, subresource })) return identity;
    }
    const asked = subresources.length === 1 ? `subresource=${subresources[0]}` : `subresources=[${subresources}]`;
    throw errors.forbiddenPath(`Forbidden (user=${identity.name}, verb=${verb}, resource=nodes, ${asked})`);
  }

  async #tokenIdentity(request: IncomingMessage): Promise<Identity | null> {
    const token = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    return token ? ((await this.#options.authenticate?.(token)) ?? null) : null;
  }
}

/** The common name and organizations of a certificate that our client CA signed. */
function certificateIdentity(socket: TLSSocket): Identity | null {
  if (!socket.authorized) return null;
  // Declared as single strings, but a subject with several organizations gives an array.
  const subject: { CN?: string | string[]; O?: string | string[] } = socket.getPeerCertificate().subject ?? {};
  const name = [subject.CN ?? []].flat()[0];
  return name ? { name, groups: [subject.O ?? []].flat() } : null;
}
