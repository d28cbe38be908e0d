import type { Kind } from '#api/kind.ts';
import { apiVersionOf } from '#api/kind.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { type ListMeta, PartialObjectMetadata } from '#api/meta/options.ts';
import { encodeMessage, encodeProtobuf, encodeProtobufList, envelope } from '#api/protobuf/encode.ts';

/** Messages of the watch cache's objects: made when first asked for, kept as long as the object. */
const messages = new WeakMap<object, Buffer>();

function messageOf(kind: Kind, o: object): Buffer {
  let message = messages.get(o);
  if (!message) {
    message = encodeMessage(kind.schema, o);
    messages.set(o, message);
  }
  return message;
}

/** The body of one object that nobody changes any more; encoded once for all who ask. */
export const protobufBody = (kind: Kind, o: KubeObject): Buffer =>
  envelope(apiVersionOf(kind), kind.kind, [messageOf(kind, o)]);

/** The body of a list: cached messages behind each other. */
export const protobufListBody = (kind: Kind, objects: readonly KubeObject[], metadata: ListMeta): Buffer =>
  encodeProtobufList({
    apiVersion: apiVersionOf(kind),
    kind: `${kind.kind}List`,
    metadata,
    items: objects.map((o) => messageOf(kind, o)),
  });

const partialType = (metaVersion: string) => ({
  apiVersion: `meta.k8s.io/${metaVersion}`,
  kind: 'PartialObjectMetadata',
});

/** An object's metadata alone. */
export const protobufPartial = ({ metadata }: KubeObject, metaVersion: string): Buffer =>
  encodeProtobuf(PartialObjectMetadata, { ...partialType(metaVersion), metadata } as KubeObject);

export const protobufPartialList = (
  objects: readonly KubeObject[],
  metaVersion: string,
  metadata: ListMeta,
): Buffer => {
  const { apiVersion, kind } = partialType(metaVersion);
  const items = objects.map(({ metadata }) => encodeMessage(PartialObjectMetadata, { metadata }));
  return encodeProtobufList({ apiVersion, kind: `${kind}List`, metadata, items });
};
