import type { CertificateSigningRequest, Node } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { NODE_SERVICE_FILES } from '#pki/node-files.ts';
import type { RequestFacts } from '#pki/request.ts';

export type Request = Stored<CertificateSigningRequest>;
export type Condition = NonNullable<NonNullable<CertificateSigningRequest['status']>['conditions']>[number];

/** Clients of the API server; and those of them that are nodes. */
export const CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client';
export const NODE_SIGNER = 'kubernetes.io/kube-apiserver-client-kubelet';
/** Servers of agents. */
export const SERVING_SIGNER = 'kubernetes.io/kubelet-serving';
const HOUR = 3600_000;

export const requestPem = (r: CertificateSigningRequest): string =>
  Buffer.from(r.spec?.request ?? '', 'base64').toString('latin1');
export const conditionOf = (r: CertificateSigningRequest, type: string): Condition | undefined =>
  r.status?.conditions?.find((c) => c.type === type);
export const holds = (r: CertificateSigningRequest, type: string): boolean =>
  conditionOf(r, type)?.status !== undefined;

const within = (usages: readonly string[], allowed: readonly string[]): boolean =>
  usages.every((u) => allowed.includes(u));
const EITHER = ['digital signature', 'key encipherment'];
const PREFIX = 'system:node:';

/** Why a signer must not sign a request, or undefined if it may ("Certificate Signing Requests", Kubernetes signers). */
export function objection(r: CertificateSigningRequest, facts: RequestFacts): string | undefined {
  const { signerName, usages = [] } = r.spec ?? {};
  const needed = signerName === SERVING_SIGNER ? 'server auth' : 'client auth';
  if (!usages.includes(needed) || !within(usages, [...EITHER, needed]))
    return `usages did not match ${JSON.stringify([...EITHER, needed])}`;
  if (signerName === CLIENT_SIGNER) return undefined;
  if (facts.organizations.join() !== 'system:nodes') return 'organization in CSR must be "system:nodes"';
  if (!facts.commonName.startsWith(PREFIX)) return `subject common name does not begin with "${PREFIX}"`;
  if (signerName === SERVING_SIGNER) return servingObjection(facts);
  if (facts.alternativeNames.length > 0) return 'DNS, IP, email and URI subjectAltNames are not allowed';
  return undefined;
}

function servingObjection({ alternativeNames }: RequestFacts): string | undefined {
  if (alternativeNames.some((n) => n.type !== 'dns' && n.type !== 'ip'))
    return 'Email and URI subjectAltNames are not allowed';
  return alternativeNames.length === 0 ? 'DNS or IP subjectAltName is required' : undefined;
}

/** The pod network, and the programs that run on every node beside its agent: each has one identity for all nodes. */
const NODE_SERVICES = Object.keys(NODE_SERVICE_FILES);

/**
 * Pure: the right (create on this subresource of certificatesigningrequests) that lets a request be approved without anybody
 * looking; undefined for one that somebody has to look at.
 */
export function approvalRight(r: Request, facts: RequestFacts): string | undefined {
  const { signerName, username } = r.spec ?? {};
  if (objection(r, facts)) return undefined;
  if (signerName === NODE_SIGNER) return username === facts.commonName ? 'selfnodeclient' : 'nodeclient';
  if (signerName === SERVING_SIGNER) return username === facts.commonName ? 'selfnodeserver' : undefined;
  if (signerName !== CLIENT_SIGNER) return undefined;
  const plain = facts.organizations.length === 0 && facts.alternativeNames.length === 0;
  return plain && NODE_SERVICES.includes(facts.commonName) ? 'nodeservice' : undefined;
}

const ADDRESS_TYPES: Readonly<Record<string, readonly string[]>> = {
  dns: ['Hostname', 'InternalDNS', 'ExternalDNS'],
  ip: ['InternalIP', 'ExternalIP'],
};

/** Pure: whether a server certificate would name nothing but the node that asks for it, as far as its Node says. */
export function namesOnly(node: Node | undefined, facts: RequestFacts): boolean {
  const name = nodeNameOf(facts);
  const addresses = node?.status?.addresses ?? [];
  return facts.alternativeNames.every(
    (n) =>
      (n.type === 'dns' && n.value === name) ||
      addresses.some((a) => ADDRESS_TYPES[n.type]?.includes(a.type) && a.address === n.value),
  );
}

/** The node a node's certificate is for. */
export const nodeNameOf = (facts: RequestFacts): string => facts.commonName.slice(PREFIX.length);

/** Pure: when a request has served its purpose, epoch milliseconds: an hour after it was decided, a day if it never is. */
export function endOf(r: Request): number {
  const decided = (r.status?.conditions ?? []).map((c) => Date.parse(c.lastUpdateTime ?? c.lastTransitionTime ?? ''));
  const last = Math.max(...decided.filter((t) => !Number.isNaN(t)));
  const created = Date.parse(r.metadata.creationTimestamp);
  if ((r.status?.conditions ?? []).length === 0) return created + 24 * HOUR;
  return (Number.isFinite(last) ? last : created) + HOUR;
}

/** How long a certificate shall serve, milliseconds: what was asked for, as far as the signer goes. */
export const lifetimeMs = (r: CertificateSigningRequest, longest: number): number =>
  Math.min(longest, (r.spec?.expirationSeconds ?? Number.POSITIVE_INFINITY) * 1000);
