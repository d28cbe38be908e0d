import type Docker from 'dockerode';
import { LABEL } from './labels.ts';

export interface BridgeOptions {
  readonly network: string;
  readonly bridge: string;
  readonly cidr: string;
  readonly node: string;
}

/** First address of a /24-like CIDR "a.b.c.0/24" → "a.b.c.1". */
const gatewayOf = (cidr: string): string => (cidr.split('/')[0] ?? '').replace(/\.\d+$/, '.1');

/** The Docker network pods are attached to: a plain bridge without Docker's own masquerading. Made anew when its subnet differs. */
export async function ensureBridgeNetwork(docker: Docker, o: BridgeOptions): Promise<void> {
  const found = (await docker.listNetworks({ filters: { name: [o.network] } })).find((n) => n.Name === o.network);
  if (found) {
    if (found.IPAM?.Config?.[0]?.Subnet === o.cidr) return;
    await docker.getNetwork(found.Id).remove();
  }
  await docker.createNetwork({
    Name: o.network,
    Driver: 'bridge',
    CheckDuplicate: true,
    Labels: { [LABEL.managed]: 'true', [LABEL.node]: o.node },
    IPAM: { Driver: 'default', Config: [{ Subnet: o.cidr, Gateway: gatewayOf(o.cidr) }] },
    Options: {
      'com.docker.network.bridge.name': o.bridge,
      'com.docker.network.bridge.enable_ip_masquerade': 'false',
      'com.docker.network.bridge.enable_icc': 'true',
    },
  });
}
