import { chmod, mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Pod, Volume } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { giveToGroup } from './group.ts';
import { NodeRoot } from './node-root.ts';
import type { PodObjects } from './objects.ts';
import { type VolumeDeps, Volumes } from './volumes.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'group-'));
  await mkdir(join(dir, 'v/below'), { recursive: true });
  await writeFile(join(dir, 'v/below/file'), '');
  await writeFile(join(dir, 'outside'), '');
  await symlink(join(dir, 'outside'), join(dir, 'v/link'));
  for (const path of ['v', 'v/below']) await chmod(join(dir, path), 0o700);
  for (const path of ['v/below/file', 'outside']) await chmod(join(dir, path), 0o604);
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const modes = async (): Promise<string[]> => {
  const found = ['v', 'v/below', 'v/below/file', 'outside'].map((path) => stat(join(dir, path)));
  return (await Promise.all(found)).map(({ mode }) => (mode & 0o7777).toString(8));
};
/** One that whoever runs the tests may give to. */
const ownGroup = async (): Promise<number> => (await stat(dir)).gid;

test('all of it may be read and written by the group, nothing that a link leads to', async () => {
  await giveToGroup(join(dir, 'v'), await ownGroup(), undefined);
  expect(await modes()).toEqual(['2770', '2770', '664', '604']);
});

test.each([
  ['OnRootMismatch', '604'],
  ['Always', '664'],
])('where the folder is as it should be, with %s', async (policy, file) => {
  await chmod(join(dir, 'v'), 0o2770);
  await giveToGroup(join(dir, 'v'), await ownGroup(), policy);
  expect((await modes())[2]).toBe(file);
});

/** Makes the volume of a claim for a pod with a group. */
async function prepared(spec: object, claim: object = {}): Promise<() => Promise<string>> {
  const objects = {
    hold: () => {},
    release: () => {},
    claim: async () => ({ metadata: { uid: 'c' }, spec: { volumeName: 'pv' }, status: { phase: 'Bound' } }),
    volume: async () => ({ metadata: {}, spec: { claimRef: { uid: 'c' }, ...spec } }),
  } as unknown as PodObjects;
  const volumes = new Volumes({ rootDir: join(dir, 'agent'), node: new NodeRoot(), objects } as VolumeDeps);
  const volume = { name: 'v', persistentVolumeClaim: { claimName: 'data', ...claim } } as Volume;
  const securityContext = { fsGroup: await ownGroup() };
  const pod = { metadata: { name: 'p', uid: 'u' }, spec: { securityContext, volumes: [volume] } } as Stored<Pod>;
  return async () => (await volumes.prepare(pod, {} as never)).get('v') ?? '';
}

test('a local volume is given to the group of its pod, once', async () => {
  const make = await prepared({ local: { path: join(dir, 'v') } });
  expect(await make()).toBe(join(dir, 'v'));
  expect((await modes())[2]).toBe('664');
  await chmod(join(dir, 'v/below/file'), 0o600);
  await make();
  expect((await modes())[2]).toBe('600');
});

test.each([
  ['that cannot be written', 'local', { readOnly: true }],
  ['which shows a folder of the node', 'hostPath', {}],
])('not one %s', async (_, kind, claim) => {
  const make = await prepared({ [kind]: { path: join(dir, 'v') } }, claim);
  expect(await make()).toBe(join(dir, 'v'));
  expect(await modes()).toEqual(['700', '700', '604', '604']);
});
