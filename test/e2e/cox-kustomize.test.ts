import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { toYaml } from '#api/yaml.ts';
import { sentence } from '#cli/errors.ts';
import { buildFolder } from '#cli/kustomize/build.ts';
import { FOLDERS, type Folders } from './kustomize/folders.ts';
import { asObjects } from './parity/compare.ts';
import { comparableKubectl } from './parity/kubectl.ts';

/** `cox kustomize` against `kubectl kustomize`: the same folders, the same objects in the same order. */
const kubectl = comparableKubectl();
const made: string[] = [];

afterAll(() => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

function written({ files }: Folders): string {
  const folder = mkdtempSync(join(tmpdir(), 'cox-kustomize-'));
  made.push(folder);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return join(folder, 'build');
}

/** What kubectl builds; undefined where it fails. */
const builtByKubectl = (folder: string): Promise<string | undefined> =>
  new Promise((resolve) => {
    execFile(kubectl ?? '', ['kustomize', folder], (e, out) => resolve(e ? undefined : out));
  });

/** What cox builds, as it would print it; where it fails, what it says. */
function builtByCox(folder: string): unknown {
  try {
    return asObjects(buildFolder(folder).map(toYaml).join('---\n'));
  } catch (e) {
    return sentence(e);
  }
}

test.skipIf(!kubectl).each(FOLDERS)('$name', async (folders) => {
  const folder = written(folders);
  const theirs = await builtByKubectl(folder);
  const ours = builtByCox(folder);
  if (theirs === undefined) expect(ours).toMatch(/^error: /);
  else expect(ours).toEqual(asObjects(theirs));
});
