import { CertificateSigningRequests, Nodes, type SubjectAccessReview, SubjectAccessReviews } from '#api/kinds/index.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import { apiTime } from '#api/meta/time.ts';
import { type RequestFacts, requestFacts, signRequest } from '#pki/request.ts';
import { type Controller, type ControllerDeps, type Outcome, ownKey, watching } from '../harness/controller.ts';
import {
  approvalRight,
  CLIENT_SIGNER,
  type Condition,
  endOf,
  holds,
  lifetimeMs,
  NODE_SIGNER,
  namesOnly,
  nodeNameOf,
  objection,
  type Request,
  requestPem,
  SERVING_SIGNER,
} from './policy.ts';

const LONGEST_WAIT_MS = 24 * 3600_000;
/** A new node asks before its Node says all of its addresses. */
const ADDRESSES_WAIT_MS = 1000;
/** A request that has waited this long for them is left to a person. */
const ADDRESSES_LIMIT_MS = 10 * 60_000;
/** Whether its author may have it by now is looked up after this at first, then ever more seldom. */
const RIGHT_WAIT_MS = 1000;

/** An authority that signs certificates, PEM. */
export interface SigningAuthority {
  readonly cert: string;
  readonly key: string;
}

/** Who signs what; a signer without an authority does nothing. */
export interface ClusterSigning {
  /** Clients of the API server. */
  readonly client: SigningAuthority | undefined;
  /** Servers of agents. */
  readonly serving: SigningAuthority | undefined;
  /** Longest life of what is signed, milliseconds (--cluster-signing-duration). */
  readonly longestMs: number;
}

const undecided = (r: Request): boolean => !holds(r, 'Approved') && !holds(r, 'Denied');
const changes = watching(CertificateSigningRequests, (r, _old, gone) => (gone ? [] : ownKey(r)));

/** @returns undefined for what is no request: it was let in, so the signer says what is wrong with it. */
function factsOf(r: Request): RequestFacts | undefined {
  try {
    return requestFacts(requestPem(r));
  } catch {
    return undefined;
  }
}

async function write(deps: ControllerDeps, r: Request, part: 'approval' | 'status'): Promise<void> {
  const path = `/apis/certificates.k8s.io/v1/certificatesigningrequests/${encodeURIComponent(r.metadata.name)}/${part}`;
  try {
    await deps.client.raw('PUT', path, {
      ...r,
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
    });
  } catch (e) {
    if (!isNotFound(e) && !isConflict(e)) throw e;
  }
}

const withCondition = (r: Request, draft: Pick<Condition, 'type' | 'reason' | 'message'>, now: number): Request => {
  const at = { lastUpdateTime: apiTime(now), lastTransitionTime: apiTime(now) };
  const conditions = [...(r.status?.conditions ?? []), { ...draft, status: 'True' as const, ...at }];
  return { ...r, status: { ...r.status, conditions } };
};

const APPROVED: Readonly<Record<string, string>> = {
  selfnodeclient: 'self kubelet client',
  nodeclient: 'kubelet client',
  selfnodeserver: 'self kubelet serving',
  nodeservice: 'node service client',
};

/** Approves what nodes ask for themselves, and what those ask who may let nodes join. */
export function certificateApproving(deps: ControllerDeps): Controller {
  const requests = deps.informers.informer(CertificateSigningRequests);
  const nodes = deps.informers.informer(Nodes);

  async function isAllowed({ spec }: Request, subresource: string): Promise<boolean> {
    const attributes = {
      group: 'certificates.k8s.io',
      resource: 'certificatesigningrequests',
      verb: 'create',
      subresource,
    };
    const { username: user, uid, groups, extra } = spec ?? {};
    const review = { spec: { user, uid, groups, extra, resourceAttributes: attributes } } as SubjectAccessReview;
    return (await deps.client.create(SubjectAccessReviews, review)).status?.allowed === true;
  }

  async function reconcile(name: string): Promise<Outcome> {
    const r = requests.lister.get(name);
    if (!r || !undecided(r)) return undefined;
    const facts = factsOf(r);
    const right = facts ? approvalRight(r, facts) : undefined;
    if (!facts || !right) return undefined;
    const age = deps.clock.now() - Date.parse(r.metadata.creationTimestamp);
    if (right === 'selfnodeserver' && !namesOnly(nodes.lister.get(nodeNameOf(facts)), facts)) {
      return age < ADDRESSES_LIMIT_MS ? { afterMs: ADDRESSES_WAIT_MS } : undefined;
    }
    // The right may be given later, or be so new that the API server which was asked has not heard of it.
    if (!(await isAllowed(r, right))) return { afterMs: Math.max(age / 4, RIGHT_WAIT_MS) };
    const message = `Auto approving ${APPROVED[right]} certificate after SubjectAccessReview.`;
    await write(
      deps,
      withCondition(r, { type: 'Approved', reason: 'AutoApproved', message }, deps.clock.now()),
      'approval',
    );
    return undefined;
  }

  return { name: 'csr-approving', watches: [changes], reconcile };
}

/** Signs approved requests for client certificates of the API server, and for servers of agents. */
export function certificateSigning(deps: ControllerDeps, signing: ClusterSigning): Controller {
  const requests = deps.informers.informer(CertificateSigningRequests);
  const { client, serving, longestMs } = signing;
  const authorities: Readonly<Record<string, SigningAuthority | undefined>> = {
    [CLIENT_SIGNER]: client,
    [NODE_SIGNER]: client,
    [SERVING_SIGNER]: serving,
  };

  async function reconcile(name: string): Promise<Outcome> {
    const r = requests.lister.get(name);
    const authority = authorities[r?.spec?.signerName ?? ''];
    if (!r || !authority || !holds(r, 'Approved') || holds(r, 'Failed') || r.status?.certificate) return undefined;
    const now = deps.clock.now();
    const fail = (message: string) =>
      write(deps, withCondition(r, { type: 'Failed', reason: 'SignerValidationFailure', message }, now), 'status');
    const facts = factsOf(r);
    const why = facts ? objection(r, facts) : 'unable to parse the request';
    if (why) {
      await fail(why);
      return undefined;
    }
    let pem: string;
    try {
      const terms = { usages: r.spec?.usages ?? [], now, lifetimeMs: lifetimeMs(r, longestMs) };
      pem = await signRequest(requestPem(r), authority, terms);
    } catch (e) {
      await fail((e as Error).message);
      return undefined;
    }
    await write(deps, { ...r, status: { ...r.status, certificate: Buffer.from(pem).toString('base64') } }, 'status');
    return undefined;
  }

  return { name: 'csr-signing', watches: [changes], reconcile };
}

/** Removes requests that have served their purpose. */
export function certificateCleaner(deps: ControllerDeps): Controller {
  const requests = deps.informers.informer(CertificateSigningRequests);

  async function reconcile(name: string): Promise<Outcome> {
    const r = requests.lister.get(name);
    if (!r) return undefined;
    const left = endOf(r) - deps.clock.now();
    if (left > 0) return { afterMs: Math.min(left, LONGEST_WAIT_MS) };
    const { uid, resourceVersion } = r.metadata;
    try {
      await deps.client.delete(CertificateSigningRequests, name, undefined, {
        preconditions: { uid, resourceVersion },
      });
    } catch (e) {
      if (!isNotFound(e) && !isConflict(e)) throw e;
    }
    return undefined;
  }

  return { name: 'csr-cleaner', watches: [changes], reconcile };
}
