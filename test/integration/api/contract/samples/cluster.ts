import { binding, type Sample } from './shared.ts';

/** Network, storage, classes and rights. */
export const CLUSTER: Readonly<Record<string, Sample>> = {
  'endpointslices.discovery.k8s.io': {
    good: {
      addressType: 'IPv4',
      endpoints: [{ addresses: ['192.0.2.1'] }],
      ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
    },
    bad: [
      ['addressType', 'IPX', 'addressType'],
      ['endpoints[0].addresses', [], 'endpoints[0].addresses'],
      ['endpoints[0].addresses', ['x'], 'endpoints[0].addresses[0]'],
      ['ports[0].name', 'No_Good', 'ports[0].name'],
      ['ports[0].protocol', 'ICMP', 'ports[0].protocol'],
    ],
  },
  'leases.coordination.k8s.io': {
    good: { spec: { holderIdentity: 'me', leaseDurationSeconds: 10 } },
    bad: [
      ['spec.leaseDurationSeconds', 0, 'spec.leaseDurationSeconds'],
      ['spec.leaseTransitions', -1, 'spec.leaseTransitions'],
    ],
  },
  'ingresses.networking.k8s.io': {
    good: { spec: { defaultBackend: { service: { name: 's', port: { number: 80 } } } } },
    bad: [
      ['spec.defaultBackend', undefined, 'spec'],
      ['spec.defaultBackend.service.port', {}, 'spec.defaultBackend'],
      ['spec.rules', [{ host: 'a b' }], 'spec.rules[0].host'],
      ['spec.rules', [{ http: { paths: [] } }], 'spec.rules[0].http.paths'],
    ],
  },
  'ingressclasses.networking.k8s.io': {
    good: { spec: { controller: 'example.com/x' } },
    bad: [['spec.controller', 'x', 'spec.controller']],
  },
  'ipaddresses.networking.k8s.io': {
    good: {
      metadata: { name: '192.0.2.99' },
      spec: { parentRef: { resource: 'services', namespace: 'default', name: 's' } },
    },
    bad: [
      ['spec.parentRef', undefined, 'spec.parentRef'],
      ['spec.parentRef.name', '', 'spec.parentRef.name'],
    ],
  },
  'networkpolicies.networking.k8s.io': {
    good: { spec: { podSelector: {}, ingress: [{ ports: [{ port: 80, protocol: 'TCP' }] }] } },
    bad: [
      ['spec.ingress[0].ports[0].port', 70000, 'spec.ingress[0].ports[0].port'],
      ['spec.ingress[0].ports[0].protocol', 'ICMP', 'spec.ingress[0].ports[0].protocol'],
      ['spec.ingress[0].from', [{ ipBlock: { cidr: 'x' } }], 'spec.ingress[0].from[0].ipBlock.cidr'],
      ['spec.policyTypes', ['Sideways'], 'spec.policyTypes[0]'],
    ],
  },
  'servicecidrs.networking.k8s.io': {
    good: { spec: { cidrs: ['198.51.100.0/24'] } },
    bad: [
      ['spec.cidrs', [], 'spec.cidrs'],
      ['spec.cidrs', ['x'], 'spec.cidrs[0]'],
    ],
  },
  'priorityclasses.scheduling.k8s.io': {
    good: { value: 5 },
    bad: [
      ['value', 2_000_000_000, 'value'],
      ['preemptionPolicy', 'Rudely', 'preemptionPolicy'],
    ],
  },
  'csidrivers.storage.k8s.io': {
    good: { spec: { attachRequired: false } },
    bad: [['spec.volumeLifecycleModes', ['Brief'], 'spec.volumeLifecycleModes']],
  },
  'csinodes.storage.k8s.io': {
    good: { spec: { drivers: [{ name: 'd.example.com', nodeID: 'n' }] } },
    bad: [
      ['spec.drivers[0].nodeID', '', 'spec.drivers[0].nodeID'],
      ['spec.drivers[0].name', '', 'spec.drivers[0].name'],
    ],
  },
  'csistoragecapacities.storage.k8s.io': {
    good: { storageClassName: 's', capacity: '1Gi' },
    bad: [['storageClassName', '', 'storageClassName']],
  },
  'storageclasses.storage.k8s.io': {
    good: { provisioner: 'example.com/x' },
    bad: [
      ['provisioner', '', 'provisioner'],
      ['reclaimPolicy', 'Burn', 'reclaimPolicy'],
      ['volumeBindingMode', 'Later', 'volumeBindingMode'],
    ],
  },
  'volumeattachments.storage.k8s.io': {
    good: { spec: { attacher: 'a.example.com', nodeName: 'n', source: { persistentVolumeName: 'v' } } },
    bad: [
      ['spec.attacher', '', 'spec.attacher'],
      ['spec.nodeName', '', 'spec.nodeName'],
      ['spec.source', {}, 'spec.source'],
    ],
  },
  'volumeattributesclasses.storage.k8s.io': {
    good: { driverName: 'd.example.com', parameters: { iops: '1000' } },
    bad: [
      ['driverName', '', 'driverName'],
      ['parameters', {}, 'parameters'],
    ],
  },
  'runtimeclasses.node.k8s.io': {
    good: { handler: 'h' },
    bad: [
      ['handler', 'No_Good', 'handler'],
      ['overhead', { podFixed: { cpu: '-1' } }, 'overhead.limits[cpu]'],
    ],
  },
  'clusterroles.rbac.authorization.k8s.io': {
    good: { rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] },
    bad: [
      ['rules[0].verbs', [], 'rules[0].verbs'],
      ['rules[0].resources', [], 'rules[0].resources'],
      ['rules[0].apiGroups', [], 'rules[0].apiGroups'],
    ],
  },
  'clusterrolebindings.rbac.authorization.k8s.io': binding('ClusterRole'),
  'roles.rbac.authorization.k8s.io': {
    good: { rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] },
    bad: [
      ['rules[0].verbs', [], 'rules[0].verbs'],
      ['rules[0]', { nonResourceURLs: ['/x'], verbs: ['get'] }, 'rules[0].nonResourceURLs'],
    ],
  },
  'rolebindings.rbac.authorization.k8s.io': binding('ClusterRole'),
};
