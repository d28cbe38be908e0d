/** How a program that a person waits for is bundled: what every start costs is counted in tens of milliseconds. */
import { relative } from 'node:path';
import type { BuildOptions, OnLoadResult, Plugin } from 'esbuild';

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;

/** A module in which what nobody imports is left out. */
function builtinModule(id: string): OnLoadResult {
  const names = Object.keys(process.getBuiltinModule(id) ?? {}).filter((n) => IDENTIFIER.test(n) && n !== 'default');
  const lines = [
    `const builtin = globalThis.process.getBuiltinModule(${JSON.stringify(id)});`,
    'const get = (name) => builtin[name];',
    'export default builtin;',
    ...names.map((n) => `const $${n} = /* @__PURE__ */ get("${n}");\nexport { $${n} as ${n} };`),
  ];
  return { contents: lines.join('\n'), loader: 'js' };
}

/**
 * To import a module of Node is to read each of its exports, and to load what those that few use stand for: a WebSocket with
 * node:http, a report with node:process. Asking for the same module as an object reads only what is used. Each importer has
 * its own copy of these lines, so that they need no file of their own.
 */
const builtins: Plugin = {
  name: 'builtins',
  setup(build) {
    build.onResolve({ filter: /^node:/ }, ({ path, importer, kind }) =>
      kind === 'import-statement'
        ? { path: `${path} of ${importer}`, namespace: 'builtin', pluginData: path }
        : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'builtin' }, ({ pluginData }) => builtinModule(pluginData as string));
  },
};

/** What makes parts that are loaded later share one file with all they have in common, instead of one each. */
export interface Common {
  /** Loaded by every part. */
  readonly always: readonly string[];
  /** Loaded by the parts that `work` matches, too. */
  readonly often: readonly string[];
  readonly work: RegExp;
}

/**
 * A module that several parts import goes into a file with all others that the very same parts import: dozens of files, each a
 * millisecond of every start. When each part imports what most do, that is one file.
 */
const parts = (root: string, { always, often, work }: Common): Plugin => ({
  name: 'parts',
  setup(build) {
    build.onResolve({ filter: /^[.#]/ }, async ({ path, kind, ...from }) => {
      if (kind !== 'dynamic-import') return undefined;
      const found = await build.resolve(path, { ...from, kind: 'import-statement' });
      if (found.errors.length > 0) return found;
      return { path: relative(root, found.path), namespace: 'part' };
    });
    build.onLoad({ filter: /.*/, namespace: 'part' }, ({ path }) => {
      const imports = [...always, ...(work.test(path) ? often : [])].map((p) => `import "./${p}";`);
      return { contents: [...imports, `export * from "./${path}";`].join('\n'), loader: 'js', resolveDir: root };
    });
  },
});

/**
 * What is left of require() asks for modules of Node, or for packages that need not be there. Making one that can do more takes
 * longer than all of its calls.
 */
const REQUIRE = `const require = (id) => {
  const found = globalThis.process.getBuiltinModule(id);
  if (!found) throw Object.assign(new Error("Cannot find module " + id), { code: "MODULE_NOT_FOUND" });
  return found;
};`;

/** Options beside those of all programs. */
export const quick = (root: string, common: Common): BuildOptions => ({
  splitting: true,
  banner: { js: REQUIRE },
  plugins: [builtins, parts(root, common)],
});
