import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { metadataKind } from '#api/custom/metadata-kind.ts';
import type { Kind, Verb } from '#api/kind.ts';
import { isNotFound } from '#api/meta/errors.ts';
import type { Controller, ControllerDeps, Enqueue, Outcome } from '../harness/controller.ts';
import { type ManifestObject, objectsIn } from './documents.ts';

/** How often the folder is looked at. */
const LOOK_MS = 2_000;
const LARGEST_BYTES = 4 << 20;
const MANAGER = 'coxswain-manifests';
/** Key of the folder itself; those of files are their names. */
const FOLDER = '';

interface Listed {
  readonly resources?: readonly { name: string; kind: string; namespaced: boolean; verbs: Verb[] }[];
}

/** Kinds by what manifests call them, as the API server lists them. */
class Kinds {
  readonly #client: ControllerDeps['client'];
  readonly #known = new Map<string, Promise<readonly Kind[]>>();

  constructor(client: ControllerDeps['client']) {
    this.#client = client;
  }

  /** @throws Error when there is no such kind (yet) */
  async of({ apiVersion, kind }: ManifestObject): Promise<Kind> {
    const listed = this.#known.get(apiVersion) ?? this.#list(apiVersion);
    this.#known.set(apiVersion, listed);
    const found = (await listed).find((k) => k.kind === kind);
    if (!found) throw new Error(`the API server knows no ${kind} of ${apiVersion}`);
    return found;
  }

  async #list(apiVersion: string): Promise<readonly Kind[]> {
    const [version = '', group = ''] = apiVersion.split('/').reverse();
    const path = group ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const { resources = [] } = await this.#client.raw<Listed>('GET', path).catch((e: unknown): Listed => {
      if (isNotFound(e)) return {};
      throw e;
    });
    const whole = resources.filter((r) => !r.name.includes('/'));
    return whole.map(({ name, ...r }) => metadataKind({ ...r, group, version, plural: name }));
  }
}

/** Those of one file, in its order. @throws Error */
async function applyObjects(client: ControllerDeps['client'], text: string): Promise<void> {
  const kinds = new Kinds(client);
  for (const object of objectsIn(text)) {
    const kind = await kinds.of(object);
    const namespace = kind.namespaced ? (object.metadata?.namespace ?? 'default') : undefined;
    const target = { name: object.metadata?.name ?? '', ...(namespace ? { namespace } : {}) };
    await client.patch(kind, target, { type: 'apply', body: object, fieldManager: MANAGER, force: true });
  }
}

/**
 * Applies the manifests in a folder (.yaml, .yml, .json), at the start and whenever one of them has changed, by server-side
 * apply: fields that no manifest names stay as they are. What is no longer in a file is left; who wants it gone deletes it.
 */
export function manifestFolder(deps: ControllerDeps, dir: string): Controller {
  let enqueue: Enqueue = () => {};
  /** Size and time of files as they were applied, by name. */
  const applied = new Map<string, string>();
  /** Whether the folder could be read the last time. */
  let readable = true;

  const markOf = async (name: string): Promise<string> => {
    const { size, mtimeMs } = await stat(join(dir, name));
    return `${size}:${mtimeMs}`;
  };

  async function look(): Promise<Outcome> {
    let names: string[] = [];
    try {
      names = (await readdir(dir)).filter((n) => /^[^.].*\.(ya?ml|json)$/.test(n)).sort();
      readable = true;
    } catch (err) {
      if (readable) deps.log.warn({ err: (err as Error).message, dir }, 'the folder of manifests cannot be read');
      readable = false;
    }
    for (const name of applied.keys()) if (!names.includes(name)) applied.delete(name);
    for (const name of names) if ((await markOf(name).catch(() => undefined)) !== applied.get(name)) enqueue(name);
    return { afterMs: LOOK_MS };
  }

  async function apply(name: string): Promise<Outcome> {
    let mark: string;
    let text: string;
    try {
      mark = await markOf(name);
      if (Number.parseInt(mark, 10) > LARGEST_BYTES) throw new Error(`larger than ${LARGEST_BYTES} bytes`);
      text = await readFile(join(dir, name), 'utf8');
    } catch (e) {
      if ((e as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw new Error(`manifest ${name}: ${(e as Error).message}`, { cause: e });
    }
    if (mark === applied.get(name)) return undefined;
    try {
      await applyObjects(deps.client, text);
    } catch (e) {
      throw new Error(`manifest ${name}: ${(e as Error).message}`, { cause: e });
    }
    applied.set(name, mark);
    deps.log.info({ file: join(dir, name) }, 'manifest applied');
    return undefined;
  }

  return {
    name: 'manifests',
    watches: [],
    // Files may need each other in the order of their names; what still fails is tried again.
    workers: 1,
    start(add) {
      enqueue = add;
      add(FOLDER);
    },
    reconcile: (key) => (key === FOLDER ? look() : apply(key)),
  };
}
