import { connect } from 'node:tls';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadKubeconfig } from '#client/kubeconfig.ts';
import { useCluster } from '../../bed/suite.ts';
import { waitFor } from '../../bed/wait.ts';
import { Wire } from './http.ts';

/** Answers that are long, requests that arrive at once: what the form of bodies must not change. */
const cluster = useCluster('integration-bodies', { apiservers: 1, without: ['scheduler', 'controller-manager'] });
const MAPS = '/api/v1/namespaces/default/configmaps';
const COUNT = 200;

let wire: Wire;
beforeAll(async () => {
  wire = await Wire.to(cluster());
});

interface Sent {
  readonly path: string;
  readonly method?: string;
  readonly type?: string;
  readonly body?: string;
  /** Which program asks. */
  readonly agent?: string;
}

const options = ({ type = 'application/json', body, agent = 'test' }: Sent) => ({
  headers: { 'content-type': type, 'user-agent': agent },
  ...(body === undefined ? {} : { body: Buffer.from(body) }),
});
const open = (sent: Sent) => wire.stream(sent.method ?? 'GET', sent.path, options(sent));

async function text(sent: Sent): Promise<{ code: number; length: string | undefined; text: string }> {
  const { code, headers, body } = await wire.raw(sent.method ?? 'GET', sent.path, options(sent));
  return { code, length: headers['content-length'], text: body.toString() };
}

const map = (name: string, data: string): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { text: data } });

describe('a list of a megabyte', () => {
  const long = 'ü'.repeat(2500);
  beforeAll(async () => {
    const names = Array.from({ length: COUNT }, (_, i) => `long-${i}`);
    const codes = await Promise.all(
      names.map(async (n) => (await text({ path: MAPS, method: 'POST', body: map(n, long) })).code),
    );
    expect(new Set(codes)).toEqual(new Set([201]));
  });

  test('comes whole, with its length, to several readers at once', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => text({ path: MAPS })));
    for (const answer of answers) {
      expect(answer.length).toBe(String(Buffer.byteLength(answer.text)));
      const { kind, items } = JSON.parse(answer.text);
      expect(kind).toBe('ConfigMapList');
      const maps = items.filter((m: { metadata: { name: string } }) => m.metadata.name.startsWith('long-'));
      expect(maps).toHaveLength(COUNT);
      expect(maps.every((m: { data: { text: string } }) => m.data.text === long)).toBe(true);
    }
  });

  test('pretty, it says the same', async () => {
    const [plain, pretty] = await Promise.all([text({ path: MAPS }), text({ path: `${MAPS}?pretty=true` })]);
    expect(pretty.text).toContain('\n  "items": [');
    expect(JSON.parse(pretty.text).items).toEqual(JSON.parse(plain.text).items);
    // People who look with curl are shown it this way.
    const agent = 'curl/8.1';
    expect((await text({ path: MAPS, agent })).text).toContain('\n  "items": [');
    expect((await text({ path: `${MAPS}?pretty=false`, agent })).text).not.toContain('\n  "items": [');
  });

  test('readers who stop reading or go away take nothing from the others', async () => {
    const silent = await Promise.all(Array.from({ length: 12 }, () => open({ path: MAPS })));
    for (const response of silent) response.pause();
    // Not the whole text: its version is that of whatever was written last, by the servers themselves too.
    const items = async () => JSON.parse((await text({ path: MAPS })).text).items;
    const before = await items();
    expect(before.length).toBeGreaterThanOrEqual(COUNT);
    for (const response of silent) response.destroy();
    expect(await items()).toEqual(before);
  });
});

test('a watch asked for before the last answer on its connection is off', async () => {
  const { server, ca, cert, key } = await loadKubeconfig(cluster().kubeconfig);
  const { hostname, port } = new URL(server);
  const socket = connect({ host: hostname, port: Number(port), ca, cert, key });
  let received = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    received += text;
  });
  const ask = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`;
  await text({ path: MAPS, method: 'POST', body: map('watched', 'first') });
  // Both in one packet: the watch begins while the long list is still on its way.
  const watch = `${MAPS}?watch=1&fieldSelector=metadata.name%3Dwatched`;
  socket.write(`${ask(MAPS)}${ask(watch)}`);
  await waitFor('its first event', () => received.includes('"type":"ADDED"'));
  await text({ path: `${MAPS}/watched`, method: 'DELETE' });
  await waitFor('the next', () => received.includes('"type":"DELETED"'));
  socket.destroy();
});

describe('server-side apply by many at once', () => {
  const apply = (manager: string, data: Record<string, string>) =>
    text({
      path: `${MAPS}/applied?fieldManager=${manager}`,
      method: 'PATCH',
      type: 'application/apply-patch+yaml',
      body: JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'applied' }, data }),
    });

  test('one creates, the others add their fields', async () => {
    const managers = Array.from({ length: 8 }, (_, i) => `m${i}`);
    const answers = await Promise.all(managers.map((m) => apply(m, { [m]: 'x' })));
    expect(answers.map((a) => a.code).sort()).toEqual([200, 200, 200, 200, 200, 200, 200, 201]);
    const { data, metadata } = JSON.parse((await text({ path: `${MAPS}/applied` })).text);
    expect(Object.keys(data).sort()).toEqual(managers);
    const owners = metadata.managedFields.map((f: { manager: string; fieldsV1: unknown }) => [f.manager, f.fieldsV1]);
    expect(owners.sort()).toEqual(managers.map((m) => [m, { 'f:data': { [`f:${m}`]: {} } }]));
  });

  test('YAML that is not JSON is understood, and what is neither is placed', async () => {
    const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: yaml}\ndata: {a: "1"}\n';
    const path = `${MAPS}/yaml?fieldManager=me`;
    const type = 'application/apply-patch+yaml';
    expect(JSON.parse((await text({ path, method: 'PATCH', type, body: yaml })).text).data).toEqual({ a: '1' });
    const flow = '{apiVersion: v1, kind: ConfigMap, metadata: {name: yaml}, data: {a: two}}';
    expect(JSON.parse((await text({ path, method: 'PATCH', type, body: flow })).text).data).toEqual({ a: 'two' });
    const broken = await text({ path, method: 'PATCH', type, body: '{"apiVersion": "v1",' });
    expect(broken.code).toBe(400);
    expect(JSON.parse(broken.text).message).toMatch(/error decoding YAML: .*line 1/s);
  });
});

test('a dry run of what exists already is refused as the real thing is', async () => {
  const body = map('twice', 'x');
  expect((await text({ path: `${MAPS}?dryRun=All`, method: 'POST', body })).code).toBe(201);
  expect((await text({ path: MAPS, method: 'POST', body })).code).toBe(201);
  const again = await text({ path: `${MAPS}?dryRun=All`, method: 'POST', body });
  expect(JSON.parse(again.text)).toMatchObject({ code: 409, reason: 'AlreadyExists' });
});
