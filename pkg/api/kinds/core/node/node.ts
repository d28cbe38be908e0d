import { defineKind, topLevel } from '../../../kind.ts';
import { f, type TypeOf } from '../../../schema/schema.ts';
import { NodeSpec } from './spec.ts';
import { NodeStatus } from './status.ts';

const PKG = 'io.k8s.api.core.v1';

export const NodeSchema = topLevel(PKG, 'Node', 'A machine that runs pods.', {
  spec: f(2, NodeSpec, 'How it shall be used.'),
  status: f(3, NodeStatus, 'What its agent reports.'),
});
export type Node = TypeOf<typeof NodeSchema>;

export const Nodes = defineKind<Node>({
  group: '',
  version: 'v1',
  kind: 'Node',
  plural: 'nodes',
  shortNames: ['no'],
  namespaced: false,
  hasStatus: true,
  hasGeneration: false,
  subresources: ['proxy'],
  schema: NodeSchema,
});
