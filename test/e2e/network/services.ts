import { probe } from '../../bed/net.ts';

/** A Service of the web servers that say whom they see (`manifest.whoami`), unless its spec says otherwise. */
export const service = (name: string, spec: object): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }], ...spec },
  });

export const nodePort = (port: number): object => ({
  type: 'NodePort',
  ports: [{ port: 80, targetPort: 'http', nodePort: port }],
});

/** What a web server says of its client: its address, and who answered. Undefined when nobody does. */
export async function who(address: string, port: number): Promise<{ client: string; pod: string } | undefined> {
  try {
    const [client = '', pod = ''] = (await probe(`http://${address}:${port}/cgi-bin/whoami`)).trim().split(' ');
    return { client, pod };
  } catch {
    return undefined;
  }
}
