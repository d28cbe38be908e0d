import type { Node, PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { compareQuantities } from '#api/meta/quantity.ts';
import {
  claimKeys,
  ephemeralClaimName,
  foreignClaim,
  isReachable,
  SELECTED_NODE,
  storageClassOf,
  storageOf,
  volumesFor,
} from '#api/scheduling/volume-match.ts';
import { isClaimBound, type Storage, waitsForConsumer } from '../snapshot/storage.ts';

const UNBOUND = 'pod has unbound immediate PersistentVolumeClaims';
const NO_PROVISIONER = 'kubernetes.io/no-provisioner';

type Claim = Stored<PersistentVolumeClaim>;
type Volume = Stored<PersistentVolume>;

/** Key (namespace/name) of a claim, as `claimKeys` of a pod has it. */
export const claimKey = ({ metadata: { namespace, name } }: Claim): string => `${namespace}/${name}`;

/** A claim whose volume depends on the node. */
export interface OpenClaim {
  readonly claim: Claim;
  readonly storageClass: Stored<StorageClass> | undefined;
  /** Volumes that are there and would do, in the order in which they are taken. */
  readonly volumes: readonly Volume[];
  /** The node that its volume is being made for. */
  readonly node: string | undefined;
}

export interface Claims {
  /** Volumes of claims that are bound. */
  readonly bound: readonly Volume[];
  /** Small wishes first: they take the small volumes. */
  readonly open: readonly OpenClaim[];
}

/** What the open claims of a pod get on a node. */
export interface Choice {
  readonly taken: readonly { readonly claim: Claim; readonly volume: Volume }[];
  /** Claims for which volumes have to be made. */
  readonly made: readonly Claim[];
}

function openClaim(claim: Claim, storage: Storage, isNode: (name: string) => boolean): OpenClaim | undefined {
  const name = storageClassOf(claim);
  const storageClass = storage.storageClass(name);
  if (!waitsForConsumer(storageClass) || claim.spec?.volumeName) return undefined;
  const noted = claim.metadata.annotations?.[SELECTED_NODE];
  // A volume for a node that is gone will hardly be made any more.
  const node = noted !== undefined && isNode(noted) ? noted : undefined;
  return { claim, storageClass, node, volumes: volumesFor(claim, storage.volumesOf(name)) };
}

/** Why the pod has to wait for a claim that is not there: that of an ephemeral volume is still to be made. */
function missing(pod: Stored<Pod>, claim: string): string {
  const isMade = pod.spec?.volumes?.some((v) => v.ephemeral && ephemeralClaimName(pod, v) === claim);
  return isMade
    ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${claim}"`
    : `persistentvolumeclaim "${claim}" not found`;
}

/** Pure: the claims of a pod, or why it cannot be placed anywhere. */
export function claimsOf(pod: Stored<Pod>, storage: Storage, isNode: (name: string) => boolean): Claims | string {
  const bound: Volume[] = [];
  const open: OpenClaim[] = [];
  let immediate = false;
  for (const key of new Set(claimKeys(pod))) {
    const claim = storage.claim(key);
    const name = key.slice(key.indexOf('/') + 1);
    if (!claim) return missing(pod, name);
    const foreign = foreignClaim(pod, claim);
    if (foreign) return foreign;
    if (claim.metadata.deletionTimestamp) return `persistentvolumeclaim "${name}" is being deleted`;
    if (isClaimBound(claim)) {
      const volume = storage.volume(claim.spec?.volumeName ?? '');
      if (!volume) {
        return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec?.volumeName}"`;
      }
      bound.push(volume);
      continue;
    }
    const waiting = openClaim(claim, storage, isNode);
    if (waiting) open.push(waiting);
    else immediate = true;
  }
  if (immediate) return UNBOUND;
  const wish = ({ claim }: OpenClaim): string => storageOf(claim.spec?.resources?.requests);
  return { bound, open: open.sort((a, b) => compareQuantities(wish(a), wish(b))) };
}

/** Whether volumes of the class can be made for the node. */
function canProvision(storageClass: StorageClass, node: Node): boolean {
  if (storageClass.provisioner === NO_PROVISIONER) return false;
  const terms = storageClass.allowedTopologies ?? [];
  const labels = node.metadata?.labels ?? {};
  return (
    terms.length === 0 ||
    terms.some((t) => (t.matchLabelExpressions ?? []).every((e) => e.values.includes(labels[e.key] ?? '')))
  );
}

/** What a node lacks for a claim: a volume that is there or could be made; space for the one to be made. */
export type Lack = 'volume' | 'space';

/** Pure: what the claims get on the node; or what is lacking for one of them. */
export function choose(
  open: readonly OpenClaim[],
  node: Stored<Node>,
  { hasSpace }: Pick<Storage, 'hasSpace'>,
): Choice | Lack {
  const taken: { claim: Claim; volume: Volume }[] = [];
  const made: Claim[] = [];
  for (const { claim, storageClass, volumes, node: madeFor } of open) {
    const isMeant = volumes[0]?.spec?.claimRef !== undefined;
    if (!isMeant && madeFor !== undefined && madeFor !== node.metadata.name) return 'volume';
    const free = (v: Volume): boolean =>
      taken.every((t) => t.volume.metadata.name !== v.metadata.name) && isReachable(v, node);
    // A volume that is being made must not be left over.
    const volume = isMeant || madeFor === undefined ? volumes.find(free) : undefined;
    if (volume) taken.push({ claim, volume });
    else if (isMeant || !storageClass || !canProvision(storageClass, node)) return 'volume';
    else if (!hasSpace(claim, storageClass, node)) return 'space';
    else made.push(claim);
  }
  return { taken, made };
}
