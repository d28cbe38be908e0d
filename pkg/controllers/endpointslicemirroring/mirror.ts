import type { Endpoints, Service } from '#api/kinds/index.ts';
import { FAMILIES } from '#api/meta/families.ts';
import { familyOf, type IpFamily } from '#api/meta/ip.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { SliceEndpoint } from '../endpointslice/desired.ts';
import type { TypeWanted } from '../endpointslice/slices.ts';

const SKIP = 'endpointslice.kubernetes.io/skip-mirror';
const LEADER = 'control-plane.alpha.kubernetes.io/leader';
const MANAGED_BY = 'endpoints.kubernetes.io/managed-by';
/** Addresses of one subset that are mirrored. */
export const MAX_PER_SUBSET = 1000;

/** Only what a user keeps by hand is mirrored: services with a selector have slices of their own. */
export function isMirrored(endpoints: Stored<Endpoints>, service: Service | undefined): boolean {
  const { labels, annotations } = endpoints.metadata;
  if (labels?.[SKIP] === 'true' || annotations?.[LEADER] !== undefined || labels?.[MANAGED_BY]) return false;
  return service !== undefined && service.spec?.selector === undefined && service.spec?.type !== 'ExternalName';
}

type Subset = NonNullable<Endpoints['subsets']>[number];

function endpointsOf(s: Subset, family: IpFamily): SliceEndpoint[] {
  const all = [
    ...(s.addresses ?? []).map((a) => ({ ...a, ready: true })),
    ...(s.notReadyAddresses ?? []).map((a) => ({ ...a, ready: false })),
  ];
  return all
    .filter((a) => a.ip !== undefined && familyOf(a.ip) === family)
    .slice(0, MAX_PER_SUBSET)
    .map(
      ({ ip, hostname, nodeName, targetRef, ready }) =>
        ({
          addresses: [ip],
          conditions: { ready },
          ...(hostname ? { hostname } : {}),
          ...(nodeName ? { nodeName } : {}),
          ...(targetRef ? { targetRef } : {}),
        }) as SliceEndpoint,
    );
}

/** Addresses that are too many for a mirror. Pure. */
export const leftOut = ({ subsets = [] }: Endpoints): number =>
  subsets.reduce((n, s) => {
    const all = (s.addresses?.length ?? 0) + (s.notReadyAddresses?.length ?? 0);
    return n + Math.max(0, all - MAX_PER_SUBSET);
  }, 0);

/** Pure: what the mirrored slices hold, by the family of the addresses. */
export function mirrored({ subsets = [] }: Endpoints): TypeWanted[] {
  const byType = FAMILIES.map((addressType) => {
    const groups = subsets.map((s) => ({
      ports: (s.ports ?? []).map(({ name = '', port, protocol = 'TCP', appProtocol }) => ({
        ...{ name, protocol, port },
        ...(appProtocol ? { appProtocol } : {}),
      })),
      endpoints: endpointsOf(s, addressType),
    }));
    return { addressType, groups: groups.filter((g) => g.endpoints.length > 0) };
  });
  const used = byType.filter((w) => w.groups.length > 0);
  return used.length > 0 ? used : byType.slice(0, 1);
}

/** Labels of the Endpoints go along, less those that say who keeps them. */
export function mirroredLabels({ metadata }: Stored<Endpoints>): Record<string, string> {
  const { [SKIP]: _, [MANAGED_BY]: __, ...labels } = metadata.labels ?? {};
  return labels;
}
