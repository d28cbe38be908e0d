import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type VolumeFiles, writeAtomically } from './atomic-writer.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'atomic-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const files = (o: Record<string, string>, mode = 0o640): VolumeFiles =>
  new Map(Object.entries(o).map(([path, text]) => [path, { content: Buffer.from(text), mode }]));
const text = (path: string) => readFile(join(dir, path), 'utf8');
const visible = async () => (await readdir(dir)).filter((n) => !n.startsWith('..')).sort();
const versions = async () => (await readdir(dir)).filter((n) => n.startsWith('..') && n !== '..data');

test('writes files with their mode, below directories too', async () => {
  expect(await writeAtomically(dir, files({ a: '1', 'sub/b': '2' }))).toBe(true);
  expect(await text('a')).toBe('1');
  expect(await text('sub/b')).toBe('2');
  expect(await visible()).toEqual(['a', 'sub']);
  expect(await readlink(join(dir, 'a'))).toBe('..data/a');
  expect((await stat(join(dir, 'a'))).mode & 0o777).toBe(0o640);
});

test('the same content is not written again', async () => {
  await writeAtomically(dir, files({ a: '1' }));
  const before = await readlink(join(dir, '..data'));
  expect(await writeAtomically(dir, files({ a: '1' }))).toBe(false);
  expect(await readlink(join(dir, '..data'))).toBe(before);
});

test('another mode or owner is a change', async () => {
  await writeAtomically(dir, files({ a: '1' }, 0o400));
  expect(await writeAtomically(dir, files({ a: '1' }, 0o444))).toBe(true);
  expect((await stat(join(dir, 'a'))).mode & 0o777).toBe(0o444);
  const { gid } = await stat(dir);
  expect(await writeAtomically(dir, files({ a: '1' }, 0o400), gid)).toBe(true);
  expect(await writeAtomically(dir, files({ a: '1' }, 0o400), gid)).toBe(false);
  expect((await stat(join(dir, 'a'))).mode & 0o777).toBe(0o440);
});

test.each<[string, Record<string, string>]>([
  ['changed', { a: '9', b: '2' }],
  ['one more', { a: '1', b: '2', c: '3' }],
  ['one less', { b: '2' }],
  ['another name', { z: '1', b: '2' }],
  ['none', {}],
])('content %s', async (_, next) => {
  await writeAtomically(dir, files({ a: '1', b: '2' }));
  expect(await writeAtomically(dir, files(next))).toBe(true);
  expect(await visible()).toEqual(Object.keys(next).sort());
  for (const [path, content] of Object.entries(next)) expect(await text(path)).toBe(content);
  expect(await versions()).toHaveLength(1);
});

test('what a crashed write left behind does not stop the next one', async () => {
  await writeAtomically(dir, files({ a: '1' }));
  await mkdir(join(dir, '..2020_half_done'));
  await symlink('..2020_half_done', join(dir, '..data_tmp'));
  expect(await writeAtomically(dir, files({ a: '2' }))).toBe(true);
  expect(await text('a')).toBe('2');
  expect(await versions()).toHaveLength(1);
});

test('names that a crashed write had not made yet are made by the next one', async () => {
  await writeAtomically(dir, files({ a: '1', b: '2' }));
  await rm(join(dir, 'b'));
  await symlink('..data/gone', join(dir, 'gone'));
  expect(await writeAtomically(dir, files({ a: '1', b: '2' }))).toBe(false);
  expect(await text('b')).toBe('2');
  expect(await visible()).toEqual(['a', 'b']);
});
