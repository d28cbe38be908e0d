import type { Pod, Volume } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { fieldValue, resourceValue } from '../pods/env.ts';
import type { VolumeFile, VolumeFiles } from './atomic-writer.ts';
import { VolumeError } from './errors.ts';
import type { PodObjects } from './objects.ts';
import type { Tokens } from './tokens.ts';

/** What the downward API needs to know of the pod's place. */
export interface PodPlace {
  readonly podIps: readonly string[];
  readonly hostIps: readonly string[];
  readonly nodeName: string;
}

export interface ContentDeps {
  readonly objects: PodObjects;
  readonly tokens: Tokens;
  readonly allocatable: () => Readonly<Record<string, string>>;
}

type Items = readonly { readonly key: string; readonly path: string; readonly mode?: number }[] | undefined;
interface Source {
  readonly name?: string;
  readonly items?: Items;
  readonly optional?: boolean;
}

const DEFAULT_MODE = 0o644;
const TOKEN_MODE = 0o600;

/** Every container runs as this user, or undefined. */
function onlyUser(pod: Pod): number | undefined {
  const ofPod = pod.spec?.securityContext?.runAsUser;
  const all = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  const users = new Set(all.map((c) => c.securityContext?.runAsUser ?? ofPod));
  return users.size === 1 ? [...users][0] : undefined;
}

/** Collects the files of one volume. */
class Content {
  readonly files = new Map<string, VolumeFile>();
  readonly #d: ContentDeps;
  readonly #pod: Stored<Pod>;
  readonly #mode: number;
  readonly #place: PodPlace;

  constructor(deps: ContentDeps, pod: Stored<Pod>, o: { readonly mode: number | undefined; readonly place: PodPlace }) {
    this.#d = deps;
    this.#pod = pod;
    this.#mode = o.mode ?? DEFAULT_MODE;
    this.#place = o.place;
  }

  get #namespace(): string {
    return this.#pod.metadata.namespace ?? '';
  }

  async configMap(s: Source): Promise<void> {
    const map = await this.#d.objects.configMap(this.#namespace, s.name ?? '');
    const data = map && {
      ...Object.fromEntries(Object.entries(map.data ?? {}).map(([k, v]) => [k, Buffer.from(v)])),
      ...Object.fromEntries(Object.entries(map.binaryData ?? {}).map(([k, v]) => [k, Buffer.from(v, 'base64')])),
    };
    this.#pick(s, data, 'configmap');
  }

  async secret(s: Source): Promise<void> {
    this.#pick(s, await this.#d.objects.secret(this.#namespace, s.name ?? ''), 'secret');
  }

  #pick({ name, items, optional }: Source, data: Readonly<Record<string, Buffer>> | undefined, what: string): void {
    if (!data) {
      if (optional) return;
      throw new VolumeError(`${what} "${name}" not found`);
    }
    if (!items) {
      for (const [k, content] of Object.entries(data)) this.files.set(k, { content, mode: this.#mode });
      return;
    }
    for (const i of items) {
      const content = data[i.key];
      if (content) this.files.set(i.path, { content, mode: i.mode ?? this.#mode });
      else if (!optional)
        throw new VolumeError(`references non-existent ${what === 'configmap' ? 'config' : what} key: ${i.key}`);
    }
  }

  downward(items: NonNullable<Volume['downwardAPI']>['items']): void {
    for (const i of items ?? []) {
      const text = i.fieldRef
        ? fieldValue(this.#pod, i.fieldRef.fieldPath, this.#place)
        : i.resourceFieldRef
          ? resourceValue(this.#pod, undefined, i.resourceFieldRef, this.#d.allocatable())
          : '';
      this.files.set(i.path, { content: Buffer.from(text), mode: i.mode ?? this.#mode });
    }
  }

  /** Tokens are for the one user of the pod or its fsGroup alone, where that is possible. */
  async token(s: { readonly path: string; readonly audience?: string; readonly expirationSeconds?: number }) {
    const content = Buffer.from(await this.#d.tokens.get(this.#pod, s.audience, s.expirationSeconds));
    const uid = onlyUser(this.#pod);
    const closed = uid !== undefined || this.#pod.spec?.securityContext?.fsGroup !== undefined;
    this.files.set(s.path, {
      content,
      mode: closed ? TOKEN_MODE : this.#mode,
      ...(uid === undefined ? {} : { uid }),
    });
  }
}

/** The files of a volume that is made of API objects; undefined for other volumes. @throws VolumeError */
export async function contentOf(
  deps: ContentDeps,
  pod: Stored<Pod>,
  v: Volume,
  place: PodPlace,
): Promise<VolumeFiles | undefined> {
  const source = v.configMap ?? v.secret ?? v.downwardAPI ?? v.projected;
  if (!source) return undefined;
  const content = (): Content => new Content(deps, pod, { mode: source.defaultMode, place });
  if (v.projected) {
    // Side by side; the order only counts where two sources write one path.
    const parts = await Promise.all((v.projected.sources ?? []).map((s) => project(content(), s)));
    return new Map(parts.flatMap((files) => [...files]));
  }
  const c = content();
  if (v.configMap) await c.configMap(v.configMap);
  if (v.secret) await c.secret({ ...v.secret, name: v.secret.secretName ?? '' });
  if (v.downwardAPI) c.downward(v.downwardAPI.items);
  return c.files;
}

type Projection = NonNullable<NonNullable<Volume['projected']>['sources']>[number];

async function project(c: Content, s: Projection): Promise<VolumeFiles> {
  if (s.configMap) await c.configMap(s.configMap);
  else if (s.secret) await c.secret(s.secret);
  else if (s.downwardAPI) c.downward(s.downwardAPI.items);
  else if (s.serviceAccountToken) await c.token(s.serviceAccountToken);
  else throw new VolumeError('this kind of projection is not supported on this node');
  return c.files;
}
