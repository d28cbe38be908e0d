/** What a plugin says it did; of different shapes in the versions of the specification. */
export interface CniResult {
  readonly cniVersion?: string;
  readonly interfaces?: readonly { readonly name: string; readonly mac?: string; readonly sandbox?: string }[];
  readonly ips?: readonly { readonly address: string; readonly interface?: number; readonly gateway?: string }[];
  /** Before 0.3.0. */
  readonly ip4?: { readonly ip: string };
  readonly ip6?: { readonly ip: string };
  readonly dns?: object;
  readonly [more: string]: unknown;
}

const bare = (cidr: string): string => cidr.split('/')[0] ?? '';

/** Addresses of the pod: those of interfaces inside of it. Pure. */
export function addressesOf(r: CniResult): string[] {
  const inside = (r.ips ?? []).filter(
    ({ interface: i }) => i === undefined || r.interfaces?.[i] === undefined || Boolean(r.interfaces[i]?.sandbox),
  );
  return [...inside.map((ip) => ip.address), r.ip4?.ip, r.ip6?.ip].flatMap((a) => (a ? [bare(a)] : []));
}

/** Hardware address of the interface in the pod. Pure. */
export const macOf = (r: CniResult, ifName: string): string | undefined =>
  r.interfaces?.find((i) => i.sandbox && i.name === ifName)?.mac;
