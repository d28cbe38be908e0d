import { createHash } from 'node:crypto';

/** Every chain of ours starts so; cleanup goes by it. */
export const PREFIX = 'COX-';

export const CHAINS = {
  services: `${PREFIX}SERVICES`,
  nodePorts: `${PREFIX}NODEPORTS`,
  postrouting: `${PREFIX}POSTROUTING`,
  markMasq: `${PREFIX}MARK-MASQ`,
  external: `${PREFIX}EXTERNAL`,
  forward: `${PREFIX}FORWARD`,
  ranges: `${PREFIX}RANGES`,
  firewall: `${PREFIX}FIREWALL`,
  /** To find out what rules the kernel takes; it is there for a moment only. */
  probe: `${PREFIX}PROBE`,
} as const;

/** Marks packets that must be masqueraded on their way out. */
export const MASQ_MARK = '0x4000/0x4000';

/** iptables chain names are at most 28 characters: a hash names the thing. */
const hashed = (kind: string, ...what: string[]): string =>
  `${PREFIX}${kind}-${createHash('sha256').update(what.join(' ')).digest('base64url').replace(/[-_]/g, 'x').slice(0, 16)}`;

/** The services with addresses of one small network. */
export const neighbourhoodChain = (cidr: string): string => hashed('NET', cidr);
export const serviceChain = (id: string, protocol: string): string => hashed('SVC', id, protocol);
/** All endpoints, where the cluster IP reaches only some of them. */
export const clusterChain = (id: string, protocol: string): string => hashed('SVA', id, protocol);
export const localChain = (id: string, protocol: string): string => hashed('SVL', id, protocol);
export const externalChain = (id: string, protocol: string): string => hashed('EXT', id, protocol);
/** Lets the clients of a load balancer's address in whose networks are allowed. */
export const rangeChain = (id: string, protocol: string): string => hashed('FW', id, protocol);
export const endpointChain = (id: string, protocol: string, address: string): string =>
  hashed('SEP', id, protocol, address);
