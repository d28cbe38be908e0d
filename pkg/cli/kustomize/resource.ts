import { builtinKinds } from '#api/kinds/index.ts';
import { parseLabelSelector } from '#api/meta/labels.ts';

export type Json = Record<string, unknown>;

export const isObject = (v: unknown): v is Json => typeof v === 'object' && v !== null && !Array.isArray(v);

/** What an object is called at some stage of a build. */
export interface Identity {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
}

interface Metadata {
  name?: string;
  namespace?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

const known = new Map(builtinKinds.map((k) => [`${k.group}/${k.kind}`, k]));

export function groupVersion(apiVersion: unknown): { group: string; version: string } {
  const [a = '', b] = String(apiVersion ?? '').split('/');
  return b === undefined ? { group: '', version: a } : { group: a, version: b };
}

/** Objects without a namespace are in "default" when they are compared. */
const effective = (namespace: string): string => namespace || 'default';

export const sameIdentity = (a: Identity, b: Identity): boolean =>
  a.group === b.group &&
  a.version === b.version &&
  a.kind === b.kind &&
  a.name === b.name &&
  effective(a.namespace) === effective(b.namespace);

export const identityText = (i: Identity): string =>
  `${i.kind}.${i.version || '[noVer]'}.${i.group || '[noGrp]'}/${i.name}.${i.namespace || '[noNs]'}`;

/** An object on its way through the layers of a build, with every name it had. */
export class Resource {
  object: Json;
  /** Oldest first; the last is the one it had when the present layer began. */
  readonly past: Identity[] = [];
  /** Its name ends with a hash of its content. */
  needsHash: boolean;

  constructor(object: Json, needsHash = false) {
    this.object = object;
    this.needsHash = needsHash;
    this.remember();
  }

  get metadata(): Metadata {
    if (!isObject(this.object.metadata)) this.object.metadata = {};
    return this.object.metadata as Metadata;
  }

  get kind(): string {
    return String(this.object.kind ?? '');
  }

  get identity(): Identity {
    const { name = '', namespace = '' } = this.metadata;
    return { ...groupVersion(this.object.apiVersion), kind: this.kind, name, namespace };
  }

  /** Kinds that are not known are taken for namespaced ones. */
  get namespaced(): boolean {
    return known.get(`${this.identity.group}/${this.kind}`)?.namespaced ?? true;
  }

  /** Its schema, for patches that merge lists; undefined for kinds that are not known. */
  get schema() {
    const kind = known.get(`${this.identity.group}/${this.kind}`);
    return kind?.version === this.identity.version ? kind.schema : undefined;
  }

  /** The name it had when the present layer began. */
  get before(): Identity {
    return this.past.at(-1) ?? this.identity;
  }

  /** Every name it has or had. */
  get names(): Identity[] {
    return [...this.past, this.identity];
  }

  /** Ends a layer: from now on the present name is one of the past. */
  remember(): void {
    const last = this.past.at(-1);
    if (!last || !sameIdentity(last, this.identity)) this.past.push(this.identity);
  }
}

/** Which objects a patch or replacement is for; texts are regular expressions for the whole. */
export interface Target {
  readonly group?: string;
  readonly version?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly annotationSelector?: string;
}

const whole = (pattern: string | undefined, text: string): boolean =>
  !pattern || new RegExp(`^(?:${pattern})$`).test(text);

const selects = (selector: string | undefined, labels: Record<string, string> | undefined): boolean =>
  !selector || parseLabelSelector(selector).matches(labels ?? {});

/** Whether a target means an object, by any name it has or had. */
export function matches(r: Resource, t: Target): boolean {
  const named = r.names.some(
    (i) =>
      whole(t.group, i.group) &&
      whole(t.version, i.version) &&
      whole(t.kind, i.kind) &&
      whole(t.name, i.name) &&
      (!t.namespace || whole(t.namespace, effective(i.namespace))),
  );
  return named && selects(t.labelSelector, r.metadata.labels) && selects(t.annotationSelector, r.metadata.annotations);
}
