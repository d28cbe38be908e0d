import type { JSONSchemaProps } from './kinds/apiextensions/jsonschema.ts';
import type { FieldError } from './meta/fielderrors.ts';
import { type KubeObject, ObjectMeta } from './meta/objectmeta.ts';
import type { Decoded } from './schema/decode.ts';
import { type AnyField, f, type ObjectSchema, objectsIn, str, type Typed } from './schema/schema.ts';

/** How `metadata.name` is checked: see "Object Names and IDs" in the Kubernetes docs. */
export type NameRule = 'dnsSubdomain' | 'dnsLabel' | 'dns1035Label' | 'pathSegment';

/** One column of the server-printed table (`kubectl get`). */
export interface Column<T> {
  readonly name: string;
  readonly type?: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  /** OpenAPI format; "name" on the name column. */
  readonly format?: string;
  readonly description: string;
  /** 0 = always shown, 1 = only with `-o wide`. */
  readonly priority?: number;
  /** Cell text; `now` is epoch milliseconds, for ages. */
  readonly cell: (o: T, now: number) => string | number | boolean | null;
}

export interface ScaleAccess<T> {
  get(o: T): { replicas: number; statusReplicas: number; selector: string };
  set(o: T, replicas: number): void;
}

/** How a further version of a kind is kept: as an object of another version. */
export interface StoredForm<T> {
  readonly kind: Kind;
  readonly toStored: (o: T) => KubeObject;
  readonly fromStored: (o: KubeObject) => T;
}

/** Verbs of a resource, in discovery order. */
export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch';

/** A part of an object that is written through a subresource of its own, by its own rules, as `status` is. */
export interface KindPart<T> {
  /** The old object with this part of `next`. */
  readonly lay: (next: T, old: T) => T;
  readonly validate: (o: T, old: T) => FieldError[];
}

/**
 * A kind is data, declared once (architecture.md §3). All hooks are pure and synchronous; they see objects that passed the
 * schema check, and may change only `o`, never `old`.
 */
export interface Kind<T extends KubeObject = KubeObject> {
  /** "" for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly nameRule: NameRule;
  readonly schema: ObjectSchema & Typed<T>;
  /** Default: all of them. An empty list: a create-only review kind. */
  readonly verbs: readonly Verb[];
  /** Has a `/status` subresource: main writes keep the old status, status writes keep all else. */
  readonly hasStatus: boolean;
  /** Counts `metadata.generation` on changes outside metadata and status. */
  readonly hasGeneration: boolean;
  /** Changes of annotations count as well. */
  readonly countsAnnotations?: boolean;
  /** Set for a version that is only another view of stored objects; its hooks are not called, the stored kind's are. */
  readonly storedAs?: StoredForm<T>;
  /** Made from a CustomResourceDefinition: spoken in JSON and YAML only, without strategic merge patch. */
  readonly custom?: boolean;
  /** The schema as its CustomResourceDefinition has it, for OpenAPI; default: derived from `schema`. */
  readonly openApi?: JSONSchemaProps;
  /** Turns JSON into an object of the kind; default: by `schema`. Throws a StatusError 400. */
  readonly decode?: (json: unknown) => Decoded;
  /** A PUT of what is not there creates it. */
  readonly createOnUpdate?: boolean;
  /** A delete is answered with the object as it was last, even when it is gone; others then answer with a Status. */
  readonly returnsDeleted?: boolean;
  /** A PUT must say by its resourceVersion what it changes. */
  readonly needsVersion?: boolean;
  /** A write of the status changes no metadata. */
  readonly statusKeepsMeta?: boolean;
  /** Who has something to do before an object goes; put in when its deletion begins. */
  readonly deletionFinalizer?: string;
  /** Objects expire after this many seconds (events). */
  readonly ttlSeconds?: number;
  /** Fills what the schema's constant defaults cannot. Runs on every write. */
  readonly defaults?: (o: T) => void;
  /** Adjusts a new object before validation (drop status, allocate constants …). `asked` is the version of the request. */
  readonly prepareCreate?: (o: T, asked: string) => void;
  /** Adjusts an update before validation. `asked` is the version of the request. */
  readonly prepareUpdate?: (o: T, old: T, asked: string) => void;
  /** Adjusts a status write before validation. */
  readonly prepareStatus?: (o: T, old: T) => void;
  /** All problems of the object (and, when `old` is given, of the change). `metadata` is checked generically before. */
  readonly validate?: (o: T, old?: T) => FieldError[];
  /** Validation of a status write; default: none beyond the schema. */
  readonly validateStatus?: (o: T, old: T) => FieldError[];
  /** What is taken but not liked, for `Warning` headers; told when the object is new or its spec has changed. */
  readonly warnings?: (o: T) => string[];
  /** Why nobody should use this version any more, for `Warning` headers. */
  readonly deprecated?: string;
  /** Field selectors beyond metadata.name and metadata.namespace. */
  readonly fields: Readonly<Record<string, (o: T) => string>>;
  readonly columns: readonly Column<T>[];
  readonly scale?: ScaleAccess<T>;
  /** Subresources that write one part of the object; they must be named in `subresources` too. */
  readonly parts?: Readonly<Record<string, KindPart<T>>>;
  /** Names of further subresources with their own handlers, e.g. pods: binding, eviction, log, exec. Shown in discovery. */
  readonly subresources: readonly string[];
  /**
   * Seconds a delete should grant; undefined = delete at once. A kind with this hook is deleted in two steps
   * (deletionTimestamp first, then grace 0 by its keeper): pods only.
   */
  readonly gracePeriod?: (o: T, requested: number | undefined) => number | undefined;
}

type KindDefaults =
  | 'singular'
  | 'shortNames'
  | 'categories'
  | 'namespaced'
  | 'nameRule'
  | 'verbs'
  | 'hasStatus'
  | 'hasGeneration'
  | 'fields'
  | 'columns'
  | 'subresources';

const ALL_VERBS: readonly Verb[] = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/** Declares a kind. Generation is on by default for kinds that have a status. */
export function defineKind<T extends KubeObject>(
  d: Omit<Kind<T>, KindDefaults> & Partial<Pick<Kind<T>, KindDefaults>>,
): Kind<T> {
  return {
    singular: d.kind.toLowerCase(),
    shortNames: [],
    categories: [],
    namespaced: true,
    nameRule: 'dnsSubdomain',
    verbs: ALL_VERBS,
    hasStatus: false,
    hasGeneration: d.hasStatus ?? false,
    fields: {},
    columns: [],
    subresources: [],
    ...d,
  };
}

/** The object type of a kind: `type Pod = ObjectOf<typeof Pods>`. */
export type ObjectOf<K> = K extends Kind<infer T> ? T : never;

/**
 * Schema of a top-level object in one API package: adds apiVersion, kind and metadata to the given fields.
 * Protobuf: metadata is field 1; apiVersion and kind travel in the envelope.
 */
export function topLevel<F extends Record<string, AnyField>>(pkg: string, name: string, doc: string, fields: F) {
  return objectsIn(pkg)(name, doc, {
    apiVersion: f(0, str, 'Versioned schema of this representation, "group/version".'),
    kind: f(0, str, 'The kind of this object.'),
    metadata: f(1, ObjectMeta, 'Standard object metadata.'),
    ...fields,
  });
}

/** "v1" or "apps/v1". */
export const apiVersionOf = (k: { group: string; version: string }): string =>
  k.group === '' ? k.version : `${k.group}/${k.version}`;

/** The name used in errors and RBAC: "pods" or "deployments.apps". */
export const qualifiedName = (k: { group: string; plural: string }): string =>
  k.group === '' ? k.plural : `${k.plural}.${k.group}`;
