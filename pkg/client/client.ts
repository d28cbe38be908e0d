import { apiVersionOf, type Kind } from '#api/kind.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { resourcePath, withQuery } from './resource-path.ts';
import { Transport, type TransportConfig } from './transport.ts';
import type {
  CallOptions,
  Client,
  DeleteOptions,
  ListOptions,
  ListResult,
  PatchType,
  WatchEvent,
  WatchOptions,
} from './types.ts';
import { IN_LIST, withoutManagedFields } from './without-managed-fields.ts';

export { resourcePath } from './resource-path.ts';

/** How to reach the server, who asks (`userAgent`), and where to log. */
export type ClientConfig = TransportConfig;

const METADATA = 'as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
const METADATA_LIST = 'as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
/** For objects without all but their metadata. */
const partial = (form: string): string => `application/json;${form}`;

const PATCH_TYPES: Readonly<Record<PatchType, string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

interface ListBody<T extends KubeObject> {
  items: Stored<T>[] | null;
  metadata: { resourceVersion: string; continue?: string };
}

/** A Client for one server. Connections are kept alive; watches have connections of their own. */
export function createClient(config: ClientConfig): Client {
  return new HttpClient(new Transport(config));
}

class HttpClient implements Client {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  get<T extends KubeObject>(
    kind: Kind<T>,
    name: string,
    namespace?: string,
    options?: CallOptions,
  ): Promise<Stored<T>> {
    return this.#transport.send({ method: 'GET', path: resourcePath(kind, namespace, name), options });
  }

  async list<T extends KubeObject>(kind: Kind<T>, options: ListOptions = {}): Promise<ListResult<T>> {
    const { namespace, labelSelector, fieldSelector, resourceVersion, limit, continue: from } = options;
    const query = { labelSelector, fieldSelector, resourceVersion, limit, continue: from };
    const path = withQuery(resourcePath(kind, namespace), query);
    const accept = options.metadataOnly ? partial(METADATA_LIST) : undefined;
    const list = await this.#transport.send<ListBody<T>>({
      ...{ method: 'GET', path, accept, options },
      ...(options.withoutManagedFields ? { edit: (text) => withoutManagedFields(text, IN_LIST) } : {}),
    });
    const items = list.items ?? [];
    // Some servers leave these out of list items; users of a cache should not have to care where an object came from.
    const apiVersion = apiVersionOf(kind);
    for (const o of items) {
      o.apiVersion ??= apiVersion;
      o.kind ??= kind.kind;
    }
    const { resourceVersion: version, continue: more } = list.metadata;
    return { items, resourceVersion: version, ...(more ? { continue: more } : {}) };
  }

  watch<T extends KubeObject>(kind: Kind<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>> {
    const { namespace, labelSelector, fieldSelector, resourceVersion, allowWatchBookmarks, timeoutSeconds } = options;
    const query = { labelSelector, fieldSelector, resourceVersion, allowWatchBookmarks, timeoutSeconds, watch: true };
    return this.#transport.watch<T>(withQuery(resourcePath(kind, namespace), query), {
      bookmarks: allowWatchBookmarks ?? false,
      withoutManagedFields: options.withoutManagedFields ?? false,
      ...(options.metadataOnly ? { accept: partial(METADATA) } : {}),
      ...(options.signal ? { signal: options.signal } : {}),
    });
  }

  create<T extends KubeObject>(kind: Kind<T>, object: T, options?: CallOptions): Promise<Stored<T>> {
    const path = resourcePath(kind, object.metadata?.namespace);
    return this.#transport.send({ method: 'POST', path, body: typed(kind, object), options });
  }

  update<T extends KubeObject>(kind: Kind<T>, object: T, options?: CallOptions): Promise<Stored<T>> {
    const { namespace, name } = object.metadata ?? {};
    const path = resourcePath(kind, namespace, name);
    return this.#transport.send({ method: 'PUT', path, body: typed(kind, object), options });
  }

  updateStatus<T extends KubeObject>(kind: Kind<T>, object: T, options?: CallOptions): Promise<Stored<T>> {
    const { namespace, name } = object.metadata ?? {};
    const path = resourcePath(kind, namespace, name, 'status');
    return this.#transport.send({ method: 'PUT', path, body: typed(kind, object), options });
  }

  patch<T extends KubeObject>(
    kind: Kind<T>,
    target: { name: string; namespace?: string; subresource?: string },
    patch: { type: PatchType; body: unknown; fieldManager?: string; force?: boolean },
    options?: CallOptions,
  ): Promise<Stored<T>> {
    const path = resourcePath(kind, target.namespace, target.name, target.subresource);
    return this.#transport.send({
      method: 'PATCH',
      path: withQuery(path, { fieldManager: patch.fieldManager, force: patch.force || undefined }),
      body: patch.body,
      contentType: PATCH_TYPES[patch.type],
      options,
    });
  }

  delete<T extends KubeObject>(
    kind: Kind<T>,
    name: string,
    namespace?: string,
    options: DeleteOptions = {},
  ): Promise<unknown> {
    const { gracePeriodSeconds, propagationPolicy, preconditions } = options;
    const body = {
      kind: 'DeleteOptions',
      apiVersion: 'v1',
      ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
      ...(propagationPolicy ? { propagationPolicy } : {}),
      ...(preconditions ? { preconditions } : {}),
    };
    return this.#transport.send({ method: 'DELETE', path: resourcePath(kind, namespace, name), body, options });
  }

  createSubresource<R = unknown>(
    kind: Kind,
    target: { name: string; namespace?: string; subresource: string },
    body: unknown,
    options?: CallOptions,
  ): Promise<R> {
    const path = resourcePath(kind, target.namespace, target.name, target.subresource);
    return this.#transport.send({ method: 'POST', path, body, options });
  }

  raw<R = unknown>(method: string, path: string, body?: unknown, options?: CallOptions): Promise<R> {
    return this.#transport.send({ method, path, body, options });
  }

  close(): Promise<void> {
    return this.#transport.close();
  }
}

const typed = <T extends KubeObject>(kind: Kind<T>, object: T): T => ({
  ...object,
  apiVersion: apiVersionOf(kind),
  kind: kind.kind,
});
