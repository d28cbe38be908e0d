import { defineKind, topLevel } from '../../../kind.ts';
import { f, type TypeOf } from '../../../schema/schema.ts';
import { PodSpec } from './spec.ts';
import { PodStatus } from './status.ts';

const PKG = 'io.k8s.api.core.v1';

export const PodSchema = topLevel(PKG, 'Pod', 'A group of containers that share a node, a network and volumes.', {
  spec: f(2, PodSpec, 'What the pod shall be.'),
  status: f(3, PodStatus, 'What is known of it.'),
});
export type Pod = TypeOf<typeof PodSchema>;

export const Pods = defineKind<Pod>({
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  shortNames: ['po'],
  categories: ['all'],
  hasStatus: true,
  subresources: [
    'attach',
    'binding',
    'ephemeralcontainers',
    'eviction',
    'exec',
    'log',
    'portforward',
    'proxy',
    'resize',
  ],
  schema: PodSchema,
});
