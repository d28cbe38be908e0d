import { CliError } from '../errors.ts';

/** A resource the server offers. */
export interface ApiResource {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly string[];
}

export const apiVersionOf = (r: { group: string; version: string }): string =>
  r.group ? `${r.group}/${r.version}` : r.version;

/** "pods", "deployments.apps": how messages name a resource. */
export const qualified = (r: ApiResource): string => (r.group ? `${r.plural}.${r.group}` : r.plural);

/** Path of a collection or object. */
export function pathOf(r: ApiResource, namespace: string | undefined, name?: string, subresource?: string): string {
  const root = r.group ? `/apis/${r.group}/${r.version}` : `/api/${r.version}`;
  const scope = r.namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${scope}/${r.plural}${name ? `/${encodeURIComponent(name)}` : ''}${subresource ? `/${subresource}` : ''}`;
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The nearest of some words, if it is near enough to be meant. */
export function nearest(word: string, words: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const w of words) {
    const d = distance(word, w);
    if (d < least) {
      best = w;
      least = d;
    }
  }
  return best;
}

/**
 * What the server serves. What was read some time ago may lack a kind that is new: whoever asks for one that is not known
 * makes it read again.
 */
export class Discovery {
  #resources: readonly ApiResource[];
  readonly #reread: (() => Promise<readonly ApiResource[]>) | undefined;
  #fresh: Promise<void> | undefined;

  /** @param reread absent when the resources have just been read */
  constructor(resources: readonly ApiResource[], reread?: () => Promise<readonly ApiResource[]>) {
    this.#resources = resources;
    this.#reread = reread;
  }

  /** Everything, as the server has it now. */
  async all(): Promise<readonly ApiResource[]> {
    await this.#refresh();
    return this.#resources;
  }

  /** Everything, perhaps as it was some hours ago. */
  get known(): readonly ApiResource[] {
    return this.#resources;
  }

  #refresh(): Promise<void> {
    this.#fresh ??= (async () => {
      if (this.#reread) this.#resources = await this.#reread();
    })();
    return this.#fresh;
  }

  async #look<T>(lookup: (resources: readonly ApiResource[]) => T | undefined): Promise<T | undefined> {
    const found = lookup(this.#resources);
    if (found !== undefined) return found;
    await this.#refresh();
    return lookup(this.#resources);
  }

  /**
   * By plural, singular, short name or kind, optionally with group: "deploy", "deployments.apps", "Deployment".
   * @throws CliError that names the nearest
   */
  async find(text: string): Promise<ApiResource> {
    const word = text.toLowerCase();
    // A type without a singular name is not meant by no name.
    const found = word ? await this.#look((all) => byName(all, word)) : undefined;
    if (found) return found;
    const near = nearest(
      word,
      this.#resources.flatMap((r) => [r.plural, r.singular, ...r.shortNames]),
    );
    throw new CliError(`the server doesn't have a resource type "${text}"${near ? `; did you mean "${near}"?` : ''}`);
  }

  /** How many of some words, put together by dots, name a type: two of "deployments.apps.spec". 0: none does, as far as is known. */
  wordsOfType(words: readonly string[]): number {
    for (let n = words.length; n > 0; n--)
      if (byName(this.#resources, words.slice(0, n).join('.').toLowerCase())) return n;
    return 0;
  }

  /** Resources of a category such as "all", each in the version the server names first. */
  category(name: string): ApiResource[] {
    const first = new Map<string, ApiResource>();
    for (const r of this.#resources) {
      const key = `${r.group}/${r.plural}`;
      if (r.categories.includes(name) && !first.has(key)) first.set(key, r);
    }
    return [...first.values()];
  }

  /** The resource of an object's apiVersion and kind. @throws CliError */
  async ofObject(o: { apiVersion?: string; kind?: string }): Promise<ApiResource> {
    const found = await this.#look((all) => all.find((r) => r.kind === o.kind && apiVersionOf(r) === o.apiVersion));
    if (found) return found;
    throw new CliError(`no matches for kind "${o.kind ?? ''}" in version "${o.apiVersion ?? ''}"`);
  }
}

function byName(all: readonly ApiResource[], word: string): ApiResource | undefined {
  const [name = '', ...rest] = word.split('.');
  const group = rest.join('.');
  const named = (r: ApiResource, n: string): boolean =>
    r.plural === n || r.singular === n || r.shortNames.includes(n) || r.kind.toLowerCase() === n;
  return (
    all.find((r) => named(r, word)) ??
    all.find((r) => named(r, name) && (r.group === group || `${r.version}.${r.group}` === group))
  );
}
