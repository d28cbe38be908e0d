import type Docker from 'dockerode';
import { addressText, isIpv6Cidr, parseNetwork } from '#api/meta/ip.ts';
import { LABEL } from './labels.ts';

export interface BridgeOptions {
  readonly network: string;
  readonly bridge: string;
  /** Subnets of the pods, one of each address family at most. */
  readonly cidrs: readonly string[];
  /** Of the pods' interfaces; unset: that of the machine. */
  readonly mtu?: number | undefined;
  readonly node: string;
}

/** The first address of a subnet is the bridge's. */
function gatewayOf(cidr: string): string {
  const { base, family } = parseNetwork(cidr);
  return addressText(base + 1n, family);
}

const sorted = (subnets: readonly (string | undefined)[]): string => [...subnets].sort().join();

/** A network that was asked for IPv6 only has got a subnet for IPv4 from Docker as well. */
function unasked(subnet: string | undefined, wanted: readonly string[]): boolean {
  return !isIpv6Cidr(subnet ?? '') && wanted.every(isIpv6Cidr);
}

const MTU = 'com.docker.network.driver.mtu';

/**
 * The Docker network pods are attached to: a plain bridge without Docker's own masquerading. Made anew when its subnets
 * differ, and when its MTU does and no pod uses it; running pods learn a smaller one as packets are refused.
 */
export async function ensureBridgeNetwork(docker: Docker, o: BridgeOptions): Promise<void> {
  const found = (await docker.listNetworks({ filters: { name: [o.network] } })).find((n) => n.Name === o.network);
  if (found) {
    const subnets = (found.IPAM?.Config ?? []).map((c) => c.Subnet).filter((subnet) => !unasked(subnet, o.cidrs));
    const same = sorted(subnets) === sorted(o.cidrs);
    if (same && found.Options?.[MTU] === (o.mtu === undefined ? undefined : String(o.mtu))) return;
    // Docker does not know of pods that we link to it.
    const linked = await docker.listContainers({
      filters: { label: [`${LABEL.linked}=true`, `${LABEL.node}=${o.node}`] },
    });
    if (linked.length > 0) {
      if (same) return;
      throw new Error(`pods still use the network ${o.network}`);
    }
    try {
      await docker.getNetwork(found.Id).remove();
    } catch (e) {
      if (same) return;
      throw e;
    }
  }
  await docker.createNetwork({
    Name: o.network,
    Driver: 'bridge',
    CheckDuplicate: true,
    Labels: { [LABEL.managed]: 'true', [LABEL.node]: o.node },
    EnableIPv6: o.cidrs.some(isIpv6Cidr),
    IPAM: { Driver: 'default', Config: o.cidrs.map((cidr) => ({ Subnet: cidr, Gateway: gatewayOf(cidr) })) },
    Options: {
      'com.docker.network.bridge.name': o.bridge,
      'com.docker.network.bridge.enable_ip_masquerade': 'false',
      'com.docker.network.bridge.enable_icc': 'true',
      ...(o.mtu === undefined ? {} : { [MTU]: String(o.mtu) }),
    },
  });
}
