import { arr, bool, f, objectsIn, req, str, type TypeOf, time } from '../../../schema/schema.ts';
import { TaintEffect } from '../values.ts';

const obj = objectsIn('io.k8s.api.core.v1');

export const Taint = obj('Taint', 'Keeps pods that do not tolerate it off the node.', {
  key: req(1, str, 'Taint key.'),
  value: f(2, str, 'Taint value.'),
  effect: req(3, TaintEffect, 'What happens to pods that do not tolerate it.'),
  timeAdded: f(4, time, 'When it was added; for NoExecute.'),
});
export type Taint = TypeOf<typeof Taint>;

export const ConfigMapNodeConfigSource = obj(
  'ConfigMapNodeConfigSource',
  'Unused; kept so that old clients can decode it.',
  {
    namespace: req(1, str, 'Unused.'),
    name: req(2, str, 'Unused.'),
    uid: f(3, str, 'Unused.'),
    resourceVersion: f(4, str, 'Unused.'),
    kubeletConfigKey: req(5, str, 'Unused.'),
  },
);
export type ConfigMapNodeConfigSource = TypeOf<typeof ConfigMapNodeConfigSource>;

export const NodeConfigSource = obj('NodeConfigSource', 'Unused; kept so that old clients can decode it.', {
  configMap: f(2, ConfigMapNodeConfigSource, 'Unused.'),
});
export type NodeConfigSource = TypeOf<typeof NodeConfigSource>;

export const NodeSpec = obj('NodeSpec', 'How a node shall be used.', {
  podCIDR: f(1, str, 'Network of its pods.'),
  podCIDRs: f(
    7,
    arr(str, { listType: 'set', patchStrategy: 'merge' }),
    'Networks of its pods, one per address family.',
  ),
  providerID: f(3, str, "The machine's id at its cloud provider."),
  unschedulable: f(4, bool, 'No new pods are placed here.'),
  taints: f(5, arr(Taint), 'Keep pods off that do not tolerate them.'),
  configSource: f(6, NodeConfigSource, 'Unused.'),
  externalID: f(2, str, 'Unused.'),
});
export type NodeSpec = TypeOf<typeof NodeSpec>;
