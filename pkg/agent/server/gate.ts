import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { errors } from '#api/meta/errors.ts';

/** Who is calling. */
export interface Identity {
  readonly name: string;
  readonly groups: readonly string[];
}

/** What the caller wants: a verb on the subresource `nodes/<subresource>` of this node. */
export interface Access {
  readonly verb: string;
  readonly subresource: 'proxy' | 'metrics' | 'stats';
}

export interface GateOptions {
  /** Checks a bearer token; null when it is not valid. Without it only client certificates are accepted. */
  readonly authenticate?: (token: string) => Promise<Identity | null>;
  /** Without it only the group system:masters may do anything. */
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

const mastersOnly = async (identity: Identity): Promise<boolean> => identity.groups.includes('system:masters');

/** Authentication and authorization of every request to the agent. */
export class Gate {
  readonly #options: GateOptions;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** @throws StatusError 401 or 403 */
  async admit(request: IncomingMessage, subresource: Access['subresource']): Promise<Identity> {
    const identity = certificateIdentity(request.socket as TLSSocket) ?? (await this.#tokenIdentity(request));
    if (!identity) throw errors.unauthorized();
    const access = { verb: VERBS[request.method ?? ''] ?? '', subresource };
    if (!(await (this.#options.authorize ?? mastersOnly)(identity, access))) {
      throw errors.forbiddenPath(
        `Forbidden (user=${identity.name}, verb=${access.verb}, resource=nodes, subresource=${subresource})`,
      );
    }
    return identity;
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
