import { defineKind, type Kind, type Verb } from '../kind.ts';
import { type KubeObject, ObjectMeta } from '../meta/objectmeta.ts';
import { f, objectsIn } from '../schema/schema.ts';

const PartialObject = objectsIn('io.k8s.apimachinery.pkg.apis.meta.v1')(
  'PartialObjectMetadata',
  'What all objects have.',
  {
    metadata: f(1, ObjectMeta, 'Standard object metadata.'),
  },
);

/** What discovery tells of a resource. */
export interface DiscoveredKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  readonly verbs?: readonly Verb[];
}

/** A kind of which nothing but the metadata of its objects is known, to address it by. */
export const metadataKind = (d: DiscoveredKind): Kind =>
  defineKind<KubeObject>({ ...d, custom: true, schema: PartialObject as unknown as Kind['schema'] });
