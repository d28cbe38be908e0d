import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Handler, type StubServer, startStubServer } from '#client/stub-server.ts';
import { readManifests } from './manifests.ts';

let server: StubServer;
beforeAll(async () => {
  server = await startStubServer();
});
afterAll(() => server.close());

const answer =
  (code: number, text: string, headers: Record<string, string> = {}): Handler =>
  (_request, response) =>
    void response.writeHead(code, headers).end(text);
const unhindered = { signal: new AbortController().signal };
const fetched = (path = '/a.yaml') => readManifests(unhindered, { filename: [`${server.url}${path}`] });

test('-f takes a URL, and follows where it leads', async () => {
  server.script(
    answer(302, '', { location: '/b.yaml' }),
    answer(200, 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: far}\n'),
  );
  const [manifest] = await fetched();
  expect(manifest).toMatchObject({ file: `${server.url}/a.yaml`, object: { metadata: { name: 'far' } } });
});

test('what cannot be fetched, or is no manifest, is told with the URL', async () => {
  server.script(answer(404, 'nothing'));
  await expect(fetched()).rejects.toThrow(`unable to read URL "${server.url}/a.yaml": server reported 404 Not Found`);
  server.script(answer(302, '', { location: '/a.yaml' }));
  await expect(fetched()).rejects.toThrow(/leads elsewhere more than 10 times$/);
  server.script(answer(302, '', { location: 'file:///etc/passwd' }));
  await expect(fetched()).rejects.toThrow(/it leads to "file:\/\/\/etc\/passwd"$/);
  server.script(answer(200, 'a: ['));
  await expect(fetched()).rejects.toThrow(/\/a\.yaml, line 1, column \d+: /);
});
