import { BIG, container, labels, ref, type Sample, template } from './shared.ts';

/** Of the core group. */
export const CORE: Readonly<Record<string, Sample>> = {
  'configmaps.': {
    good: { data: { a: '1' }, binaryData: { b: 'AA==' } },
    bad: [
      ['data', { 'a b': '1' }, 'data[a b]'],
      ['data', { [BIG.repeat(4)]: '1' }, `data[${BIG.repeat(4)}]`],
      ['binaryData', { a: 'AA==' }, 'data[a]'],
    ],
  },
  'endpoints.': {
    good: { subsets: [{ addresses: [{ ip: '192.0.2.1' }], ports: [{ name: 'http', port: 80, protocol: 'TCP' }] }] },
    bad: [
      ['subsets[0].addresses[0].ip', '127.0.0.1', 'subsets[0].addresses[0].ip'],
      ['subsets[0].addresses[0].ip', 'x', 'subsets[0].addresses[0].ip'],
      ['subsets[0].ports[0].port', 0, 'subsets[0].ports[0].port'],
      ['subsets[0].ports[0].protocol', 'ICMP', 'subsets[0].ports[0].protocol'],
    ],
  },
  'events.': {
    good: { involvedObject: { ...ref, namespace: 'contract' }, reason: 'Why', message: 'm', type: 'Normal' },
    bad: [['involvedObject.namespace', 'other', 'involvedObject.namespace']],
  },
  'limitranges.': {
    good: { spec: { limits: [{ type: 'Container', max: { cpu: '2' }, min: { cpu: '1' } }] } },
    bad: [
      ['spec.limits[0].min', { cpu: '3' }, 'spec.limits[0].min[cpu]'],
      ['spec.limits[0].default', { cpu: '5' }, 'spec.limits[0].default[cpu]'],
      ['spec.limits[0].type', 'No Such', 'spec.limits[0].type'],
    ],
  },
  'namespaces.': { good: {}, bad: [['metadata.name', 'a.b', 'metadata.name']] },
  'nodes.': {
    good: { spec: { podCIDR: '10.9.0.0/24', podCIDRs: ['10.9.0.0/24'] } },
    bad: [
      ['spec.podCIDR', 'x', 'spec.podCIDRs[0]'],
      ['spec.taints', [{ key: 'a', effect: 'Never' }], 'spec.taints[0].effect'],
      ['spec.taints', [{ key: 'a b', effect: 'NoSchedule' }], 'spec.taints[0].key'],
    ],
  },
  'podtemplates.': {
    good: { template },
    bad: [
      ['template.spec.containers[0].name', '', 'template.spec.containers[0].name'],
      ['template.spec.dnsPolicy', 'Maybe', 'template.spec.dnsPolicy'],
    ],
  },
  'pods.': {
    good: { spec: { containers: [container] } },
    bad: [
      ['spec.containers', [], 'spec.containers'],
      ['spec.containers[0].name', 'A', 'spec.containers[0].name'],
      ['spec.containers[0].imagePullPolicy', 'Often', 'spec.containers[0].imagePullPolicy'],
      ['spec.containers[0].ports', [{ containerPort: 70000 }], 'spec.containers[0].ports[0].containerPort'],
      ['spec.containers[0].env', [{ name: 'a=b' }], 'spec.containers[0].env[0].name'],
      [
        'spec.containers[0].resources',
        { requests: { cpu: '2' }, limits: { cpu: '1' } },
        'spec.containers[0].resources.requests',
      ],
      ['spec.containers[0].volumeMounts', [{ name: 'v', mountPath: '/v' }], 'spec.containers[0].volumeMounts[0].name'],
      ['spec.containers[0].livenessProbe', { periodSeconds: 1 }, 'spec.containers[0].livenessProbe'],
      ['spec.restartPolicy', 'Sometimes', 'spec.restartPolicy'],
      ['spec.activeDeadlineSeconds', 0, 'spec.activeDeadlineSeconds'],
      ['spec.volumes', [{ name: 'v', emptyDir: {}, hostPath: { path: '/' } }], 'spec.volumes[0].hostPath'],
      ['spec.volumes', [{ name: 'A b', emptyDir: {} }], 'spec.volumes[0].name'],
      ['spec.nodeSelector', { 'a b': 'c' }, 'spec.nodeSelector'],
      ['spec.tolerations', [{ key: 'a', operator: 'Near' }], 'spec.tolerations[0].operator'],
      ['spec.hostAliases', [{ ip: 'x' }], 'spec.hostAliases[0].ip'],
      ['spec.securityContext', { runAsUser: -1 }, 'spec.securityContext.runAsUser'],
    ],
  },
  'replicationcontrollers.': {
    good: { spec: { replicas: 0, selector: labels, template } },
    bad: [
      ['spec.replicas', -1, 'spec.replicas'],
      ['spec.selector', { app: 'y' }, 'spec.template.metadata.labels'],
      ['spec.template.spec.restartPolicy', 'Never', 'spec.template.spec.restartPolicy'],
    ],
  },
  'resourcequotas.': {
    good: { spec: { hard: { 'count/nothings.example.com': '5' } } },
    bad: [
      ['spec.hard', { pods: '-1' }, 'spec.hard[pods]'],
      ['spec.hard', { pods: '1.5' }, 'spec.hard[pods]'],
      ['spec.hard', { bogus: '1' }, 'spec.hard[bogus]'],
      ['spec.scopes', ['Nowhere'], 'spec.scopes'],
    ],
  },
  'secrets.': {
    good: { data: { a: 'AA==' }, type: 'Opaque' },
    bad: [
      ['data', { 'a b': 'AA==' }, 'data[a b]'],
      ['type', 'kubernetes.io/tls', 'data[tls.crt]'],
      ['type', 'kubernetes.io/dockerconfigjson', 'data[.dockerconfigjson]'],
      ['type', 'kubernetes.io/ssh-auth', 'data[ssh-privatekey]'],
    ],
  },
  'services.': {
    good: { spec: { selector: labels, ports: [{ port: 80, protocol: 'TCP' }] } },
    bad: [
      ['spec.ports', [], 'spec.ports'],
      ['spec.ports[0].port', 0, 'spec.ports[0].port'],
      ['spec.ports[0].protocol', 'ICMP', 'spec.ports[0].protocol'],
      ['spec.ports[0].targetPort', 'Not A Name', 'spec.ports[0].targetPort'],
      ['spec.type', 'Magic', 'spec.type'],
      ['spec.clusterIP', 'x', 'spec.clusterIPs[0]'],
      ['spec.sessionAffinity', 'Always', 'spec.sessionAffinity'],
      ['spec.externalIPs', ['x'], 'spec.externalIPs[0]'],
      ['metadata.name', '1a', 'metadata.name'],
    ],
  },
  'serviceaccounts.': { good: { automountServiceAccountToken: false }, bad: [] },
  'persistentvolumeclaims.': {
    good: { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
    bad: [
      ['spec.accessModes', [], 'spec.accessModes'],
      ['spec.accessModes', ['Anyhow'], 'spec.accessModes'],
      ['spec.resources', {}, 'spec.resources[storage]'],
      ['spec.resources.requests', { storage: '0' }, 'spec.resources[storage]'],
      ['spec.volumeMode', 'Tape', 'spec.volumeMode'],
    ],
  },
  'persistentvolumes.': {
    good: { spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/x' } } },
    bad: [
      ['spec.capacity', {}, 'spec.capacity'],
      ['spec.accessModes', [], 'spec.accessModes'],
      ['spec.hostPath', undefined, 'spec'],
      ['spec.hostPath', { path: '/a/../b' }, 'spec.hostPath.path'],
      ['spec.persistentVolumeReclaimPolicy', 'Burn', 'spec.persistentVolumeReclaimPolicy'],
    ],
  },
};
