import { createSocket } from 'node:dgram';
import type { ClusterNode } from '../../bed/cluster-node.ts';
import { waitFor } from '../../bed/wait.ts';
import { sliceOf, udpServer } from './servers.ts';
import { service } from './services.ts';

export interface UdpClientOptions {
  /** A server on each, of which the Service has the first one's and then the other's. */
  readonly servers: readonly [ClusterNode, ClusterNode];
  /** The node that is asked, at its port. */
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
  const servers = [udpServer(one, 'one', 5301), udpServer(two, 'two', 5302)];
  await Promise.all(servers.map((s) => s.start()));
  const slice = (node: ClusterNode, port: number) => sliceOf('echo', { port, protocol: 'UDP' }, node.address);
  const ports = [{ port: 53, protocol: 'UDP', nodePort: 30_053 }];
  await apply(service('echo', { type: 'NodePort', selector: undefined, ports }), slice(one, 5301));
  const socket = createSocket('udp4');
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
