import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import type { Container } from '#api/kinds/index.ts';
import type { Runtime } from '../runtime/types.ts';
import { runProbe } from './run.ts';

test.each([3e6, 1e9])('a hook of a pod that has %d seconds to end has them too', async (seconds) => {
  const server = createServer((_request, response) => response.end('ok'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const target = { containerId: 'c', podIp: '127.0.0.1', timeoutMs: seconds * 1000 };
    const hook = { httpGet: { port, path: '/' } };
    const result = await runProbe(hook, { name: 'main' } as Container, target, {} as Runtime);
    expect(result).toEqual({ ok: true, message: '' });
  } finally {
    server.close();
  }
});
