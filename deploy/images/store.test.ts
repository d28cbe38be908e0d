import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { cached } from './store.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'store-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const whole = async (target: string): Promise<void> => writeFileSync(target, 'whole');

it('makes an archive again whose making was interrupted, or found the disk full', async () => {
  const broken = cached(
    'a',
    'k1',
    async (target) => {
      writeFileSync(target, 'ha');
      throw new Error('no space left on device');
    },
    dir,
  );
  await expect(broken).rejects.toThrow('no space');
  expect(readdirSync(dir)).toEqual([]);
  expect(readFileSync(await cached('a', 'k1', whole, dir), 'utf8')).toBe('whole');
});

it('removes older archives, and what processes that are no more have left, of this name alone', async () => {
  const others = [`a-k3.tar.${process.ppid}.part`, 'ab-k1.tar'];
  for (const file of ['a-k1.tar', 'a-k1.tar.4194305.part', ...others]) writeFileSync(join(dir, file), '');
  await cached('a', 'k2', whole, dir);
  expect(readdirSync(dir).sort()).toEqual(['a-k2.tar', ...others]);
});
