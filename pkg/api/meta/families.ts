import { familyOf, type IpFamily } from './ip.ts';

/** Both families of addresses. */
export const FAMILIES: readonly IpFamily[] = ['IPv4', 'IPv6'];

/** The first of these addresses or CIDRs that is of the family. */
export const ofFamily = (family: IpFamily, texts: readonly string[] | undefined): string | undefined =>
  texts?.find((t) => familyOf(t) === family);
