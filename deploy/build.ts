/**
 * Bundles every cmd/<name>/main.ts into dist/<name>.mjs. Costs a few stat calls when nothing has changed.
 * One broken command does not keep the others from being built; the exit code is 1 then.
 */
import { existsSync, globSync, statSync } from 'node:fs';
import { copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BuildOptions, Metafile, Plugin } from 'esbuild';
import { type Common, quick } from './quick.ts';

const root = resolve(import.meta.dirname, '..');
const dist = join(root, 'dist');
const manifestFile = join(dist, 'inputs.json');

/** Size and time of every source that went into a bundle, by path from the root. */
type Inputs = Record<string, string>;
/** Inputs per command. */
type Manifest = Record<string, Inputs>;

/**
 * CommonJS packages inside an ES module still ask for `require` and `__dirname`. The latter points into a folder that
 * need not exist, so that etcd3's "../proto" means dist/proto.
 */
const BANNER = `import { createRequire as __createRequire } from 'node:module';
const require = __createRequire(import.meta.url);
const __filename = import.meta.filename;
const __dirname = import.meta.dirname + '/lib';`;

/**
 * Parts of dockerode for remote daemons and BuildKit: never used here, and 15 MB of memory in each process. Commander starts
 * programs that are commands, which no command of ours is: loading what for takes a twentieth of `cox get`.
 */
const unused: Plugin = {
  name: 'unused',
  setup(build) {
    build.onResolve({ filter: /^node:child_process$/ }, ({ path, importer }) =>
      /node_modules\/commander\//.test(importer) ? { path, namespace: 'unused' } : undefined,
    );
    build.onResolve({ filter: /^(ssh2|\.\/session|\.\/buildkit)$/ }, ({ path, importer }) =>
      /node_modules\/(dockerode|docker-modem)\//.test(importer) ? { path, namespace: 'unused' } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'unused' }, () => ({ contents: 'module.exports = {};', loader: 'js' }));
  },
};

/** How every program is put into one file. */
export const bundling: BuildOptions = {
  absWorkingDir: root,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  banner: { js: BANNER },
  external: ['*.node', 'cpu-features'],
  mainFields: ['module', 'main'],
  sourcemap: 'linked',
  sourcesContent: false,
  // Node keeps a program's text twice: without spaces and comments each process is some 5 MB lighter. Names stay, for traces;
  // lines stay short, as the line of an error that nobody caught is printed.
  minifyWhitespace: true,
  minifySyntax: true,
  lineLimit: 200,
  metafile: true,
  write: false,
  logLevel: 'silent',
  plugins: [unused],
};

/** Programs a person waits for: in parts, of which a command loads those it needs. */
const QUICK: Readonly<Record<string, Common>> = {
  cox: {
    // With what is small and used by those parts, too, that ask no server.
    always: [
      'pkg/cli/run.ts',
      'pkg/client/kubeconfig.ts',
      'pkg/async/clock.ts',
      'pkg/cli/output/columns.ts',
      'pkg/cli/output/jsonpath.ts',
      'pkg/cli/output/ordered.ts',
      'pkg/api/meta/selector-text.ts',
    ],
    often: [
      'pkg/cli/context.ts',
      'pkg/cli/targets.ts',
      'pkg/cli/get/tables.ts',
      'pkg/cli/commands/write.ts',
      'pkg/cli/commands/logs.ts',
      'pkg/cli/api/watch-lines.ts',
    ],
    work: /^pkg\/cli\/(?!program|kubeconfig)/,
  },
};

/** Builds what is out of date. @returns the names built. @throws AggregateError of what could not be built. */
export async function build(force = false): Promise<string[]> {
  const before = force ? {} : await readManifest();
  const commands = globSync('cmd/*/main.ts', { cwd: root }).map((path) => path.split('/')[1] ?? '');
  const stale = commands.filter((name) => !isFresh(name, before[name]));
  if (stale.length === 0) return [];
  await mkdir(join(dist, 'proto'), { recursive: true });
  const results = await Promise.allSettled(stale.map(bundle));
  await copyProtos();
  const after: Manifest = { ...before };
  const failures: Error[] = [];
  for (const [i, name] of stale.entries()) {
    const result = results[i];
    if (result?.status === 'fulfilled') {
      after[name] = result.value;
      continue;
    }
    delete after[name];
    const reason: unknown = result?.reason;
    failures.push(new Error(`${name}: ${reason instanceof Error ? reason.message : String(reason)}`));
  }
  await replace(manifestFile, JSON.stringify(after));
  if (failures.length > 0) throw new AggregateError(failures, failures.map((f) => f.message).join('\n'));
  return stale;
}

async function readManifest(): Promise<Manifest> {
  try {
    return JSON.parse(await readFile(manifestFile, 'utf8')) as Manifest;
  } catch {
    return {};
  }
}

function isFresh(name: string, inputs: Inputs | undefined): boolean {
  if (!inputs || !existsSync(join(dist, `${name}.mjs`))) return false;
  return Object.entries(inputs).every(([path, mark]) => fingerprint(path) === mark);
}

function fingerprint(path: string): string {
  const stat = statSync(join(root, path), { throwIfNoEntry: false });
  return stat ? `${stat.size}:${stat.mtimeMs}` : 'gone';
}

async function bundle(name: string): Promise<Inputs> {
  const { build: esbuild } = await import('esbuild');
  const entry = `cmd/${name}/main.ts`;
  const started = Date.now();
  const common = QUICK[name];
  const faster = common ? quick(root, common) : {};
  const { outputFiles = [], metafile } = await esbuild({
    ...bundling,
    ...faster,
    plugins: [unused, ...(faster.plugins ?? [])],
    entryPoints: { [name]: entry },
    outdir: dist,
    outExtension: { '.js': '.mjs' },
    chunkNames: `${name}/[name]-[hash]`,
  });
  const inputs = sources(metafile, started);
  // Parts first: a program that starts meanwhile finds those of the old entry or all of the new one.
  const old = globSync(`${name}/*`, { cwd: dist }).map((path) => join(dist, path));
  for (const file of outputFiles.toReversed()) await replace(file.path, file.contents);
  const kept = new Set(outputFiles.map((f) => f.path));
  await Promise.all(old.filter((path) => !kept.has(path)).map((path) => rm(path)));
  return inputs;
}

/**
 * Packages change only with the lock file, so that one stands for all of them. A file edited since `started` may have
 * been read before the edit: its mark matches nothing, and the next run builds again.
 */
function sources(metafile: Metafile | undefined, started: number): Inputs {
  const own = Object.keys(metafile?.inputs ?? {}).filter((p) => !p.startsWith('node_modules/') && !p.includes(':'));
  const always = ['package-lock.json', 'deploy/quick.ts', relative(root, fileURLToPath(import.meta.url))];
  return Object.fromEntries(
    [...own, ...always].map((path) => {
      const edited = (statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0) >= started;
      return [path, edited ? 'edited' : fingerprint(path)];
    }),
  );
}

async function copyProtos(): Promise<void> {
  for (const file of globSync('node_modules/etcd3/proto/*.proto', { cwd: root })) {
    await copyFile(join(root, file), join(dist, 'proto', file.slice(file.lastIndexOf('/') + 1)));
  }
}

/** Whole or not at all: a process may be starting from the file just now. */
async function replace(path: string, contents: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, contents);
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const started = Date.now();
    const names = await build(process.argv.includes('--force'));
    if (names.length > 0) console.log(`built ${names.join(', ')} in ${Date.now() - started} ms`);
  } catch (e) {
    console.error((e as Error).message);
    process.exitCode = 1;
  }
}
