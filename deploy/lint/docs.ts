/** Checks that the files which the documentation names exist: `node deploy/lint/docs.ts`. Exit code 1 when one does not. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
/** Paths below our top folders, with an end that is a file's, a folder's slash, or a name we use without either. */
const NAMED = /\b(?:pkg|cmd|test|docs)\/[\w./-]*[\w/]|\bdeploy\/[\w/-]+\.\w+/g;

const documents = ['README.md', 'CONTRIBUTING.md', ...globSync('docs/*.md', { cwd: root })];
const missing = documents.flatMap((document) => {
  const named = readFileSync(join(root, document), 'utf8').match(NAMED) ?? [];
  return [...new Set(named)].filter((path) => !existsSync(join(root, path))).map((path) => `${document}: ${path}`);
});
for (const line of missing) console.error(`${line} does not exist`);
console.log(`documentation: ${documents.length} files, ${missing.length} names of files that do not exist`);
process.exitCode = missing.length === 0 ? 0 : 1;
