import { ConfigMaps, EndpointSlices, Secrets } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { isAlreadyExists, isConflict, isNotFound } from '#api/meta/errors.ts';
import { type Controller, type ControllerDeps, type Outcome, watching } from '../harness/controller.ts';
import {
  CLUSTER_INFO,
  clusterKubeconfig,
  endOfToken,
  isOurs,
  KUBECONFIG,
  signedInfo,
  signingSecret,
  TOKEN_TYPE,
} from './tokens.ts';

const PUBLIC = 'kube-public';
const SYSTEM = 'kube-system';
const LONGEST_WAIT_MS = 24 * 3600_000;
const RETRY_MS = 100;

/** The few Secrets that are tokens, not all there are. */
const TOKENS = { namespace: SYSTEM, fieldSelector: `type=${TOKEN_TYPE}` };
const MAPS = { namespace: PUBLIC, fieldSelector: `metadata.name=${CLUSTER_INFO}` };
/** Where the API servers are reached from outside, as they say themselves. */
const SERVERS = { namespace: 'default', fieldSelector: 'metadata.name=kubernetes' };

/**
 * Keeps cluster-info in kube-public: the address and the authority of the API server, signed by every bootstrap token. A
 * kubeconfig that somebody else has put there is left as it is, and signed.
 * @param ca PEM of the API server's authority
 */
export function bootstrapSigner(deps: ControllerDeps, ca: string): Controller {
  const tokens = deps.informers.informer(Secrets, TOKENS);
  const maps = deps.informers.informer(ConfigMaps, MAPS);
  const slices = deps.informers.informer(EndpointSlices, SERVERS);

  function kubeconfigFor(present: string | undefined): string | undefined {
    const { endpoints = [], ports = [] } = slices.lister.get('kubernetes', 'default') ?? {};
    const [address, port] = [endpoints[0]?.addresses[0], ports?.[0]?.port];
    if (address === undefined || port === undefined) return present;
    return present === undefined || isOurs(present) ? clusterKubeconfig(`https://${address}:${port}`, ca) : present;
  }

  async function reconcile(): Promise<Outcome> {
    const now = deps.clock.now();
    const present = maps.lister.get(CLUSTER_INFO, PUBLIC);
    const kubeconfig = kubeconfigFor(present?.data?.[KUBECONFIG]);
    if (kubeconfig === undefined) return undefined;
    const all = [...tokens.lister.list()];
    const secrets = all.flatMap((s) => signingSecret(s, now) ?? []).sort((a, b) => (a.id < b.id ? -1 : 1));
    const data = signedInfo(present?.data ?? {}, kubeconfig, secrets);
    try {
      if (!present) {
        await deps.client.create(ConfigMaps, { metadata: { name: CLUSTER_INFO, namespace: PUBLIC }, data });
      } else if (!sameJson(present.data, data)) await deps.client.update(ConfigMaps, { ...present, data });
    } catch (e) {
      if (!isAlreadyExists(e) && !isConflict(e) && !isNotFound(e)) throw e;
      return { afterMs: RETRY_MS };
    }
    const next = Math.min(...all.map(endOfToken).filter((end) => end > now));
    return Number.isFinite(next) ? { afterMs: Math.min(next - now, LONGEST_WAIT_MS) } : undefined;
  }

  const key = (): readonly string[] => [CLUSTER_INFO];
  return {
    name: 'bootstrap-signer',
    watches: [
      watching(Secrets, key, { informer: TOKENS }),
      watching(ConfigMaps, key, { informer: MAPS }),
      watching(EndpointSlices, key, { informer: SERVERS }),
    ],
    workers: 1,
    reconcile,
  };
}

/** Removes bootstrap tokens that have ended. */
export function tokenCleaner(deps: ControllerDeps): Controller {
  const tokens = deps.informers.informer(Secrets, TOKENS);

  async function reconcile(name: string): Promise<Outcome> {
    const token = tokens.lister.get(name, SYSTEM);
    if (!token) return undefined;
    const left = endOfToken(token) - deps.clock.now();
    if (left === Number.POSITIVE_INFINITY) return undefined;
    if (left > 0) return { afterMs: Math.min(left, LONGEST_WAIT_MS) };
    const { uid, resourceVersion } = token.metadata;
    try {
      await deps.client.delete(Secrets, name, SYSTEM, { preconditions: { uid, resourceVersion } });
    } catch (e) {
      if (!isNotFound(e) && !isConflict(e)) throw e;
    }
    return undefined;
  }

  return {
    name: 'token-cleaner',
    watches: [watching(Secrets, (s) => [s.metadata.name], { informer: TOKENS })],
    reconcile,
  };
}
