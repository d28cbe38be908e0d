import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { toYaml } from '#api/yaml.ts';
import { kubeconfigIn } from '#client/kubeconfig.ts';
import { UserError } from '#process/user-error.ts';
import { CliError } from '../errors.ts';

export type Body = Record<string, unknown>;
/** The three lists of a kubeconfig, and what an entry keeps its content under. */
export const SECTIONS = { clusters: 'cluster', contexts: 'context', users: 'user' } as const;
export type Section = keyof typeof SECTIONS;

/** One kubeconfig file, by section and name. */
export interface ConfigFile {
  readonly path: string;
  readonly entries: Record<Section, Map<string, Body>>;
  currentContext: string;
  preferences: Body;
}

type Raw = Partial<Record<Section, ({ name: string } & Body)[] | null>> & {
  'current-context'?: string;
  preferences?: Body;
};

/** @throws CliError or UserError for a file that is no kubeconfig */
function parsed(path: string): Raw {
  try {
    return kubeconfigIn(parse(readFileSync(path, 'utf8')) ?? {}, path) as Raw;
  } catch (e) {
    if (e instanceof UserError) throw e;
    const [said = ''] = (e as Error).message.split('\n');
    throw new CliError(`the kubeconfig ${path} cannot be read: ${said.replace(/:$/, '')}`);
  }
}

function read(path: string): ConfigFile {
  const raw = existsSync(path) ? parsed(path) : {};
  const entriesOf = (s: Section): Map<string, Body> =>
    new Map((raw[s] ?? []).map((e) => [e.name, (e[SECTIONS[s]] ?? {}) as Body]));
  return {
    path,
    entries: { clusters: entriesOf('clusters'), contexts: entriesOf('contexts'), users: entriesOf('users') },
    currentContext: raw['current-context'] ?? '',
    preferences: raw.preferences ?? {},
  };
}

/** The document of a kubeconfig, with entries in order of their names. */
export function documentOf(c: Omit<ConfigFile, 'path'>): Body {
  const listOf = (s: Section): unknown[] | null => {
    const names = [...c.entries[s].keys()].sort();
    return names.length === 0 ? null : names.map((name) => ({ name, [SECTIONS[s]]: c.entries[s].get(name) }));
  };
  return {
    apiVersion: 'v1',
    clusters: listOf('clusters'),
    contexts: listOf('contexts'),
    'current-context': c.currentContext,
    kind: 'Config',
    preferences: c.preferences,
    users: listOf('users'),
  };
}

function write(c: ConfigFile): void {
  mkdirSync(dirname(c.path), { recursive: true, mode: 0o700 });
  const temporary = `${c.path}.${process.pid}.tmp`;
  writeFileSync(temporary, toYaml(documentOf(c)), { mode: 0o600 });
  renameSync(temporary, c.path);
}

/** The kubeconfig files in force ("Organizing Cluster Access Using kubeconfig Files"): each change goes to the file that has the entry. */
export class ConfigFiles {
  readonly #files: readonly ConfigFile[];

  /** @param explicit --kubeconfig, which takes the place of $KUBECONFIG and ~/.kube/config */
  constructor(explicit: string | undefined, env: NodeJS.ProcessEnv = process.env) {
    const listed = (env.KUBECONFIG ?? '').split(':').filter(Boolean);
    const paths = explicit ? [explicit] : listed.length > 0 ? listed : [join(homedir(), '.kube/config')];
    this.#files = paths.map(read);
  }

  /** All files as one: the first to name something wins. */
  get merged(): Omit<ConfigFile, 'path'> {
    const of = (s: Section): Map<string, Body> => new Map(this.#files.toReversed().flatMap((f) => [...f.entries[s]]));
    return {
      entries: { clusters: of('clusters'), contexts: of('contexts'), users: of('users') },
      currentContext: this.#files.map((f) => f.currentContext).find(Boolean) ?? '',
      preferences: Object.assign({}, ...this.#files.toReversed().map((f) => f.preferences)) as Body,
    };
  }

  /** Where new things go: the first file there is, or the last that is named. */
  get main(): ConfigFile {
    return (this.#files.find((f) => existsSync(f.path)) ?? this.#files.at(-1)) as ConfigFile;
  }

  has(section: Section, name: string): boolean {
    return this.#files.some((f) => f.entries[section].has(name));
  }

  /** Changes an entry, or makes it. @returns whether it was there */
  change(section: Section, name: string, edit: (body: Body) => Body): boolean {
    const file = this.#files.find((f) => f.entries[section].has(name));
    const target = file ?? this.main;
    target.entries[section].set(name, edit(target.entries[section].get(name) ?? {}));
    write(target);
    return file !== undefined;
  }

  /** @throws CliError when it is in no file. @returns the file it was in */
  remove(section: Section, name: string): string {
    const file = this.#files.find((f) => f.entries[section].delete(name));
    if (!file) throw new CliError(`cannot delete ${SECTIONS[section]} ${name}, not in ${this.main.path}`);
    write(file);
    return file.path;
  }

  setCurrent(name: string): void {
    const target = this.#files.find((f) => f.currentContext) ?? this.main;
    target.currentContext = name;
    write(target);
  }

  setPreference(name: string, value: unknown): void {
    const target = this.main;
    if (value === undefined) delete target.preferences[name];
    else target.preferences[name] = value;
    write(target);
  }
}
