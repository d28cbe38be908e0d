/** Checks docs' import rules over the sources: `node deploy/lint/imports.ts`. Prints each breach; exit code 1 when any. */
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { breaches } from './arrows.ts';

const root = resolve(import.meta.dirname, '../..');

function check(): number {
  const files = globSync(['pkg/**/*.ts', 'cmd/**/*.ts'], { cwd: root }).sort();
  const found = files.flatMap((file) => breaches(file, readFileSync(join(root, file), 'utf8')));
  for (const line of found) console.error(line);
  console.log(`import rules: ${files.length} files, ${found.length} breaches`);
  return found.length === 0 ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = check();
