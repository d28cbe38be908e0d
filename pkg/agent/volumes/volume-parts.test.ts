import {
  chmod,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Container, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { FakeClock } from '#async/fake-clock.ts';
import { inMemory, memoryBytes } from './empty-dir.ts';
import { hostPath } from './host-path.ts';
import { mountPoints, unbind, unmountBelow } from './mount-table.ts';
import { NodeRoot } from './node-root.ts';
import type { PodObjects } from './objects.ts';
import { referencesOf } from './references.ts';
import { expandedSubPath, openSubPath, pathOf } from './sub-path.ts';
import { SubPathMounts } from './sub-path-mounts.ts';
import { Tokens } from './tokens.ts';
import { type VolumeDeps, Volumes } from './volumes.ts';

const node = new NodeRoot();
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'volumes-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** Where the file lies that a sub path of a volume leads to. */
async function opened(volume: string, sub: string): Promise<string> {
  const handle = await openSubPath(node, join(dir, volume), sub);
  try {
    return await readlink(pathOf(handle));
  } finally {
    await handle.close();
  }
}

describe('hostPath types', () => {
  beforeEach(async () => {
    await mkdir(join(dir, 'd'));
    await writeFile(join(dir, 'f'), 'text');
  });

  test.each([
    ['d', 'Directory', undefined],
    ['f', 'Directory', 'is not a directory'],
    ['new', 'Directory', 'is not a directory'],
    ['new', 'DirectoryOrCreate', undefined],
    ['f', 'DirectoryOrCreate', 'is not a directory'],
    ['f', 'File', undefined],
    ['d', 'File', 'is not a file'],
    ['new', 'FileOrCreate', undefined],
    ['no/such', 'FileOrCreate', 'no such file or directory'],
    ['f', 'Socket', 'is not a socket file'],
    ['f', 'CharDevice', 'is not a character device'],
    ['f', 'BlockDevice', 'is not a block device'],
    ['new', '', undefined],
  ])('%s as %s: %s', async (name, type, complaint) => {
    const path = hostPath(node, join(dir, name), type);
    if (complaint) await expect(path).rejects.toThrow(complaint);
    else expect(await path).toBe(join(dir, name));
  });

  test('a device of the machine', async () => {
    expect(await hostPath(node, '/dev/null', 'CharDevice')).toBe('/dev/null');
  });
});

describe('sub paths', () => {
  test('are made with the mode of the volume', async () => {
    await mkdir(join(dir, 'v'));
    await chmod(join(dir, 'v'), 0o2770);
    expect(await opened('v', 'a/b')).toBe(join(dir, 'v/a/b'));
    expect((await stat(join(dir, 'v/a/b'))).mode & 0o7777).toBe(0o2770);
  });

  test('links inside are followed, links that lead out are refused', async () => {
    await mkdir(join(dir, 'v/real'), { recursive: true });
    await symlink('real', join(dir, 'v/link'));
    await symlink(join(dir, 'v/real'), join(dir, 'v/whole'));
    await symlink('/etc', join(dir, 'v/out'));
    await symlink('../..', join(dir, 'v/up'));
    await symlink('../w', join(dir, 'v/beside'));
    for (const good of ['link', 'whole', './link/']) expect(await opened('v', good)).toBe(join(dir, 'v/real'));
    for (const bad of ['out', 'out/deeper', 'up', 'beside', '../x', '/etc'])
      await expect(opened('v', bad), bad).rejects.toThrow(/leads out|must not/);
    await expect(stat(join(dir, 'w'))).rejects.toThrow('ENOENT');
  });

  test('of a file nothing is below; what is there is opened, whatever it is', async () => {
    await mkdir(join(dir, 'v'));
    await writeFile(join(dir, 'v/f'), 'text');
    expect(await opened('v', 'f')).toBe(join(dir, 'v/f'));
    await expect(opened('v', 'f/x')).rejects.toThrow('"f" is not a directory');
    await expect(opened('v/f', 'x')).rejects.toThrow('cannot be opened: ENOTDIR');
  });

  test('of the whole machine', async () => {
    const handle = await openSubPath(node, '/', join('.', dir));
    expect(await readlink(pathOf(handle))).toBe(dir);
    await handle.close();
  });

  test.each(['a', 'a/b', 'a/b/c'])('%s exchanged for a link once it was looked at', async (name) => {
    await mkdir(join(dir, 'v/a/b/c'), { recursive: true });
    await mkdir(join(dir, 'secret/b/c'), { recursive: true });
    const racing = new (class extends NodeRoot {
      override async follow(path: string): Promise<string> {
        const found = await super.follow(path);
        if (path.endsWith('/a/b/c')) {
          await rename(join(dir, 'v', name), join(dir, 'aside'));
          await symlink(join(dir, 'secret'), join(dir, 'v', name));
        }
        return found;
      }
    })();
    await expect(openSubPath(racing, join(dir, 'v'), 'a/b/c')).rejects.toThrow('has become a link meanwhile');
    expect(await readdir(join(dir, 'secret/b/c'))).toEqual([]);
  });
});

describe('sub paths are mounted', () => {
  const place = { uid: 'u', volume: 'v', container: 'c', index: 1 };
  const target = (): string => join(dir, 'pods/u/volume-subpaths/v/c/1');
  const volume = () => ({ base: join(dir, 'v'), root: node });
  let ran: string[];
  /** `bind` does what mount would, for files. */
  const mounts = (bind: (source: string) => Promise<void>): SubPathMounts => {
    const exec = async (program: string, args: readonly string[]) => {
      ran.push([program, ...args].join(' ').replace(/fd\/\d+/, 'fd/N'));
      await bind(await readlink(args.at(-2) ?? ''));
      return { code: 0, stdout: '', stderr: '' };
    };
    return new SubPathMounts({ exec, node, podDir: (uid) => join(dir, 'pods', uid) });
  };
  const asFile = async (source: string): Promise<void> => {
    await rm(target());
    await link(source, target());
  };
  beforeEach(async () => {
    ran = [];
    await mkdir(join(dir, 'v'));
    await writeFile(join(dir, 'v/f'), 'one');
  });

  test('what is open, anew only when it is another', async () => {
    const m = mounts(asFile);
    expect(await m.mount(place, volume(), 'f')).toBe(target());
    expect(ran).toEqual([`mount --no-canonicalize --bind /proc/${process.pid}/fd/N ${target()}`]);
    await m.mount(place, volume(), 'f');
    expect(ran).toHaveLength(1);
    await rename(join(dir, 'v/f'), join(dir, 'v/old'));
    await writeFile(join(dir, 'v/f'), 'two');
    await m.mount(place, volume(), 'f');
    expect(ran).toHaveLength(2);
    expect(await readFile(target(), 'utf8')).toBe('two');
  });

  test('and nothing else: a mount that shows another file is refused', async () => {
    const m = mounts(async () => {});
    await expect(m.mount(place, volume(), 'f')).rejects.toThrow('another file is seen in its place');
    await expect(stat(target())).rejects.toThrow('ENOENT');
  });

  test('and go with the pod, but what is in them', async () => {
    const m = mounts(asFile);
    await m.release('u');
    await m.mount(place, volume(), 'f');
    await m.release('u');
    expect(await readdir(join(dir, 'pods/u'))).toEqual([]);
    // As if it were still mounted.
    await mkdir(join(target(), 'data'), { recursive: true });
    await expect(m.release('u')).rejects.toThrow('ENOTEMPTY');
  });
});

test('mounts of what lies elsewhere are set apart before they are taken away', async () => {
  const table = ['/', '/p/s', '/p/s/a', '/p/s/a/deep', '/p/ss'];
  const ran: string[] = [];
  const exec = async (program: string, args: readonly string[]) => {
    ran.push([program, ...args].join(' '));
    if (program === 'umount') table.splice(table.indexOf(args.at(-1) ?? ''), 1);
    return { code: 0, stdout: '', stderr: '' };
  };
  await unbind('/p/s/a', exec, async () => [...table]);
  expect(ran).toEqual([
    'mount --make-slave /p/s/a',
    'mount --make-slave /p/s/a/deep',
    'umount -l /p/s/a/deep',
    'umount -l /p/s/a',
  ]);
  expect(table).toEqual(['/', '/p/s', '/p/ss']);
  const stubborn = async (program: string) => ({ code: program === 'mount' ? 0 : 32, stdout: '', stderr: '' });
  await expect(unbind('/p/s', stubborn, async () => table)).rejects.toThrow('/p/s cannot be unmounted');
  const refusing = async () => ({ code: 1, stdout: '', stderr: 'no' });
  await expect(unbind('/p/s', refusing, async () => table)).rejects.toThrow('/p/s cannot be set apart: no');
});

test('a sub path by variables; one that is not there or empty does not show another part of the volume', async () => {
  const env = new Map([
    ['POD', 'p1'],
    ['EMPTY', ''],
  ]);
  expect(expandedSubPath('logs/$(POD)/$$(POD)', env)).toBe('logs/p1/$(POD)');
  expect(() => expandedSubPath('$(EMPTY)', env)).toThrow('missing value for EMPTY');
  expect(() => expandedSubPath('$(NONE)/$(POD)/$(EMPTY)/$(NONE)', env)).toThrow('missing value for EMPTY, NONE');
  const volumes = new Volumes({ rootDir: dir } as VolumeDeps);
  const c = { name: 'c', volumeMounts: [{ name: 'v', mountPath: '/v', subPathExpr: '$(EMPTY)' }] } as Container;
  const pod = { metadata: { name: 'p' }, spec: {} } as unknown as Stored<Pod>;
  await expect(volumes.mountsOf(pod, c, new Map([['v', '/there']]), env)).rejects.toThrow('missing value for EMPTY');
});

test('mount points, escapes undone', () => {
  const table = '29 1 0:26 / / rw shared:1 - ext4 /dev/x rw\n30 29 0:27 / /a\\040b rw - tmpfs tmpfs rw\n';
  expect(mountPoints(table)).toEqual(['/', '/a b']);
});

test.each([
  ['goes', 0, undefined],
  ['stays', 32, '/pods/u/volumes/v cannot be unmounted'],
])('a mount in a volume that %s when its pod does', async (_, code, complaint) => {
  const mounts = ['/', '/pods/u', '/pods/u/volumes/v', '/pods/u/volumes/v/deep', '/pods/uu/w'];
  const tried: string[] = [];
  const exec = async (_program: string, args: readonly string[]) => {
    const path = args.at(-1) ?? '';
    tried.push(path);
    if (code === 0) mounts.splice(mounts.indexOf(path), 1);
    return { code, stdout: '', stderr: '' };
  };
  const done = unmountBelow('/pods/u', exec, async () => [...mounts]);
  if (complaint) await expect(done).rejects.toThrow(complaint);
  else await done;
  expect(tried).toEqual(['/pods/u/volumes/v/deep', '/pods/u/volumes/v']);
});

test.each<[string, object, string | undefined, string | undefined, number]>([
  ['its own limit', {}, '8Mi', '1Gi', 8 << 20],
  ['its pod', { resources: { limits: { memory: '4Mi' } } }, '8Mi', '1Gi', 4 << 20],
  ['the node', {}, undefined, '1Gi', 1 << 30],
  ['nothing', {}, undefined, undefined, 0],
])('a memory-backed volume is bounded by %s', (_, container, limit, allocatable, bytes) => {
  expect(memoryBytes({ spec: { containers: [container] } } as unknown as Pod, limit, allocatable)).toBe(bytes);
});

test('what a pod refers to, each once', () => {
  const pod = {
    metadata: { namespace: 'ns' },
    spec: {
      volumes: [
        { configMap: { name: 'a' } },
        { secret: { secretName: 's' } },
        { projected: { sources: [{ configMap: { name: 'b' } }, { secret: { name: 't' } }] } },
        { emptyDir: {} },
      ],
      initContainers: [{ envFrom: [{ configMapRef: { name: 'a' } }, { secretRef: { name: 'u' } }] }],
      containers: [
        { env: [{ valueFrom: { secretKeyRef: { name: 's' } } }, { valueFrom: { configMapKeyRef: { name: 'c' } } }] },
      ],
    },
  } as unknown as Pod;
  const names = referencesOf(pod).map((r) => `${r.kind}/${r.namespace}/${r.name}`);
  expect(names.sort()).toEqual([
    'ConfigMap/ns/a',
    'ConfigMap/ns/b',
    'ConfigMap/ns/c',
    'Secret/ns/s',
    'Secret/ns/t',
    'Secret/ns/u',
  ]);
});

describe("an agent in a container, which sees the node's files elsewhere", () => {
  beforeEach(async () => {
    await mkdir(join(dir, 'run/app'), { recursive: true });
    await mkdir(join(dir, 'var'));
    await symlink('/run', join(dir, 'var/run'));
    await symlink('../up', join(dir, 'run/sideways'));
    await symlink('loop', join(dir, 'loop'));
  });

  test("follows the node's links on the node", async () => {
    const there = new NodeRoot(dir);
    expect(await there.follow('/var/run/app')).toBe('/run/app');
    expect(await there.follow('/run/sideways/new')).toBe('/up/new');
    expect(await there.follow('/../..')).toBe('/');
    await expect(there.follow('/loop')).rejects.toThrow('too many levels');
  });

  test('has what is its own twice', () => {
    expect(new NodeRoot(dir).sightings('/run/app')).toEqual(['/run/app', join(dir, 'run/app')]);
    expect(new NodeRoot('/').sightings('/run/app')).toEqual(['/run/app']);
  });

  test("checks and makes the node's files, and names them as the node does", async () => {
    const there = new NodeRoot(dir);
    expect(await hostPath(there, '/var/run/app', 'Directory')).toBe('/var/run/app');
    await expect(hostPath(there, '/etc/hostname', 'File')).rejects.toThrow('is not a file');
    await hostPath(there, '/var/run/made', 'DirectoryOrCreate');
    expect((await stat(join(dir, 'run/made'))).isDirectory()).toBe(true);
    const sub = await openSubPath(there, '/var/run', 'app/sub');
    await sub.close();
    expect((await stat(join(dir, 'run/app/sub'))).isDirectory()).toBe(true);
  });
});

test('a token that is over when it comes, by clocks that differ, is not asked for again and again', async () => {
  const clock = new FakeClock();
  let asked = 0;
  const token = async () => ({ token: `t${++asked}`, expiresAt: clock.now() - 3_600_000 });
  const tokens = new Tokens({ token } as unknown as PodObjects, clock);
  const pod = { metadata: { name: 'p', namespace: 'ns', uid: 'u' }, spec: {} } as unknown as Stored<Pod>;
  await tokens.get(pod, undefined);
  expect(tokens.renewAt('u')).toBeGreaterThan(clock.now());
  await tokens.get(pod, undefined);
  expect(asked).toBe(1);
});

test('a token is asked for again when four fifths of its life are over, after a day at the latest', async () => {
  const clock = new FakeClock();
  for (const [hours, renewed] of [
    [1, 0.8],
    [100, 24],
  ] as const) {
    let asked = 0;
    const token = async () => ({ token: `t${++asked}`, expiresAt: clock.now() + hours * 3_600_000 });
    const tokens = new Tokens({ token } as unknown as PodObjects, clock);
    const pod = { metadata: { name: 'p', namespace: 'ns', uid: 'u' }, spec: {} } as unknown as Stored<Pod>;
    const due = clock.now() + renewed * 3_600_000;
    expect(await tokens.get(pod, undefined)).toBe('t1');
    expect(tokens.renewAt('u')).toBe(due);
    await clock.advance(due - 1 - clock.now());
    expect(await tokens.get(pod, undefined)).toBe('t1');
    await clock.advance(1);
    expect(await tokens.get(pod, undefined)).toBe('t2');
  }
});

test.each([
  ['Disabled', undefined],
  ['IfPossible', undefined],
  ['Enabled', 'not supported'],
])('a mount that is read-only all the way down: %s', async (recursiveReadOnly, complaint) => {
  const volumes = new Volumes({ rootDir: dir } as VolumeDeps);
  const mount = { name: 'v', mountPath: '/v', readOnly: true, recursiveReadOnly };
  const c = { name: 'c', volumeMounts: [mount] } as Container;
  const pod = { metadata: { name: 'p' }, spec: {} } as unknown as Stored<Pod>;
  const mounts = volumes.mountsOf(pod, c, new Map([['v', '/there']]), new Map());
  if (complaint) await expect(mounts).rejects.toThrow(complaint);
  else expect(await mounts).toMatchObject([{ source: '/there', target: '/v', readOnly: true }]);
});

test('a medium that the node does not have is refused', () => {
  expect([undefined, '', 'Memory'].map(inMemory)).toEqual([false, false, true]);
  for (const medium of ['HugePages', 'HugePages-2Mi']) expect(() => inMemory(medium)).toThrow('offers no huge pages');
  expect(() => inMemory('Tape')).toThrow('unknown storage medium "Tape"');
});
