import { CliError } from '../errors.ts';

/** What a container may do, as far as profiles say. */
export type SecurityContext = Record<string, unknown>;

/** A set of rights for debugging ("Debug Running Pods › Debugging Profiles"). */
export interface Profile {
  /** Of the container that is added. */
  readonly security?: SecurityContext;
  /** A pod on a node sees the node's processes and network. */
  readonly hostNamespaces: boolean;
  /** A pod on a node has the node's files under /host. */
  readonly hostFiles: boolean;
}

const capabilities = (...add: string[]): SecurityContext => ({ capabilities: { add } });

const RESTRICTED: SecurityContext = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  seccompProfile: { type: 'RuntimeDefault' },
};

const PROFILES: Readonly<Record<string, Profile & { readonly onNode?: SecurityContext | null }>> = {
  legacy: { hostNamespaces: true, hostFiles: true },
  general: { security: capabilities('SYS_PTRACE'), onNode: null, hostNamespaces: true, hostFiles: true },
  baseline: { hostNamespaces: false, hostFiles: false },
  restricted: { security: RESTRICTED, hostNamespaces: false, hostFiles: false },
  netadmin: { security: capabilities('NET_ADMIN', 'NET_RAW'), hostNamespaces: true, hostFiles: false },
  sysadmin: { security: { privileged: true }, hostNamespaces: true, hostFiles: true },
};

/** @param node the profile is for a pod on a node. @throws CliError for an unknown one */
export function profileOf(name: string, node: boolean): Profile {
  const found = PROFILES[name];
  if (!found) throw new CliError(`unknown profile: ${name}; there are ${Object.keys(PROFILES).join(', ')}`);
  const { onNode, ...profile } = found;
  if (!node || onNode === undefined) return profile;
  const { security: _s, ...others } = profile;
  return onNode ? { ...others, security: onNode } : others;
}
