import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeFolder } from './folders.ts';

test('folders are made with those they lie in; where that cannot be, it says which and ends', () => {
  const base = mkdtempSync(join(tmpdir(), 'cox-folders-'));
  try {
    makeFolder(join(base, 'a/b/c'));
    makeFolder(join(base, 'a/b/c'));
    expect(existsSync(join(base, 'a/b/c'))).toBe(true);
    writeFileSync(join(base, 'file'), '');
    expect(() => makeFolder(join(base, 'file'))).toThrow(/file is no folder$/);
    expect(() => makeFolder(join(base, 'file/sub'))).toThrow(/file is no folder$/);
    expect(() => makeFolder('/proc/x/y')).toThrow(/^the folder \/proc\/x cannot be made \(E[A-Z]+\)$/);
  } finally {
    rmSync(base, { recursive: true });
  }
});
