/** Docker labels by which everything of ours is known again after a restart. */
export const LABEL = {
  managed: 'io.coxswain.managed',
  node: 'io.coxswain.node',
  type: 'io.coxswain.type',
  podNamespace: 'io.coxswain.pod.namespace',
  podName: 'io.coxswain.pod.name',
  podUid: 'io.coxswain.pod.uid',
  container: 'io.coxswain.container.name',
  attempt: 'io.coxswain.container.attempt',
  hash: 'io.coxswain.container.hash',
  sandboxId: 'io.coxswain.sandbox.id',
  addresses: 'io.coxswain.sandbox.addresses',
  linked: 'io.coxswain.sandbox.linked',
} as const;
