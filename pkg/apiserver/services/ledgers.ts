import { randomUUID } from 'node:crypto';
import type { IPAddress } from '#api/kinds/index.ts';
import { familyOf } from '#api/meta/ip.ts';
import { apiTime } from '#api/meta/time.ts';
import type { Resource } from '../registry/resource.ts';
import type { Ledger } from './reservations.ts';

/** A node port is a key of its own, outside of all resources. */
export const portLedger: Ledger = {
  prefix: '/registry/ranges/servicenodeports/',
  encode: (_, owner) => Buffer.from(owner),
  ownerOf: (value) => value.toString(),
};

const MANAGED_BY = 'ipaddress.kubernetes.io/managed-by';
const FAMILY = 'ipaddress.kubernetes.io/ip-family';
/** Who made the IPAddress of a Service; others belong to those who made them. */
const ALLOCATOR = 'ipallocator.k8s.io';

/** An address of a Service is an IPAddress of that name. @param now milliseconds since 1970 */
export function addressLedger({ prefix, encoding }: Pick<Resource, 'prefix' | 'encoding'>, now: () => number): Ledger {
  return {
    prefix,
    encode(ip, owner) {
      const [namespace = '', name = ''] = owner.split('/');
      return encoding.encode({
        metadata: {
          name: ip,
          uid: randomUUID(),
          creationTimestamp: apiTime(now()),
          labels: { [FAMILY]: familyOf(ip), [MANAGED_BY]: ALLOCATOR },
        },
        spec: { parentRef: { resource: 'services', namespace, name } },
      } as IPAddress);
    },
    ownerOf(value) {
      const { metadata, spec } = JSON.parse(value.toString()) as IPAddress;
      const { group, resource, namespace, name } = spec?.parentRef ?? {};
      const ours = metadata?.labels?.[MANAGED_BY] === ALLOCATOR && !group && resource === 'services';
      return ours ? `${namespace}/${name}` : undefined;
    },
  };
}
