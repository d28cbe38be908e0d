import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { ClusterNode } from '../../bed/cluster-node.ts';
import { waitFor } from '../../bed/wait.ts';
import { SOCKETS, sliceOf, udpServer } from './servers.ts';
import { service } from './services.ts';

export interface UdpClientOptions {
  /** A server on each, of which the Service has the first one's and then the other's. */
  readonly servers: readonly [ClusterNode, ClusterNode];
  /** The node that is asked, at its port. Servers and Service are of the same family. */
  readonly address: string;
  readonly apply: (...documents: string[]) => Promise<unknown>;
  readonly kubectl: (...args: string[]) => Promise<unknown>;
}

/** A client that keeps its socket is answered by the one endpoint, and by the other when that has taken its place. */
export async function udpClientFollows({
  servers: [one, two],
  address,
  apply,
  kubectl,
}: UdpClientOptions): Promise<void> {
  const family = isIPv6(address) ? 'IPv6' : 'IPv4';
  const servers = [udpServer(one, 'one', 5301, family), udpServer(two, 'two', 5302, family)];
  await Promise.all(servers.map((s) => s.start()));
  const slice = ({ address: four, address6: six = '' }: ClusterNode, port: number) =>
    sliceOf('echo', { port, protocol: 'UDP' }, family === 'IPv6' ? six : four);
  const ports = [{ port: 53, protocol: 'UDP', nodePort: 30_053 }];
  const spec = { type: 'NodePort', selector: undefined, ipFamilies: [family], ports };
  await apply(service('echo', spec), slice(one, 5301));
  const socket = createSocket(SOCKETS[family]);
  let last = '';
  socket.on('message', (m) => {
    last = m.toString();
  });
  const says = (word: string) =>
    waitFor(`"${word}"`, () => {
      socket.send('?', 30_053, address);
      return last === word;
    });
  try {
    await says('one');
    await apply(slice(two, 5302));
    await says('two');
  } finally {
    socket.close();
    await Promise.all(servers.map((s) => s.stop()));
    await kubectl('delete', 'service', 'echo');
  }
}
