import { expect, test } from 'vitest';
import { podWarnings, templateWarnings } from './warnings.ts';

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution';
const container = { name: 'c', image: 'i' };

test('a pod of today', () => {
  const spec = {
    nodeSelector: { 'kubernetes.io/os': 'linux' },
    containers: [
      {
        ...container,
        env: [{ name: 'A' }, { name: 'B' }],
        ports: [{ containerPort: 53 }, { containerPort: 53, protocol: 'UDP' as const }],
        resources: { limits: { memory: '1Gi', cpu: '100m' } },
      },
    ],
  };
  expect(podWarnings({ path: '', spec })).toEqual([]);
});

test('what is taken, but not liked', () => {
  const spec = {
    nodeSelector: { 'beta.kubernetes.io/arch': 'amd64' },
    terminationGracePeriodSeconds: -1,
    initContainers: [{ ...container, resources: { requests: { memory: '100m' } } }],
    containers: [
      {
        ...container,
        env: [{ name: 'A' }, { name: 'A' }],
        ports: [{ containerPort: 80 }, { containerPort: 80, protocol: 'TCP' as const }],
      },
    ],
  };
  const term = { topologyKey: 'zone' };
  const odd = {
    ...spec,
    imagePullSecrets: [{ name: 's' }, {}],
    volumes: [{ name: 'v', rbd: { monitors: [], image: 'i' } }],
    topologySpreadConstraints: [{ maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule' as const, ...term }],
    affinity: {
      podAffinity: { [REQUIRED]: [{ ...term, labelSelector: {} }, term] },
      podAntiAffinity: { [PREFERRED]: [{ weight: 1, podAffinityTerm: term }] },
    },
  };
  const metadata = { annotations: { 'container.apparmor.security.beta.kubernetes.io/c': 'x' } };
  expect(templateWarnings('spec.template', () => ({ metadata, spec: odd }))({})).toEqual([
    'spec.template.metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: deprecated since v1.30; use the "appArmorProfile" field instead',
    'spec.template.spec.nodeSelector[beta.kubernetes.io/arch]: deprecated since v1.14; use "kubernetes.io/arch" instead',
    'spec.template.spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1',
    'spec.template.spec.imagePullSecrets[1].name: invalid empty name ""',
    'spec.template.spec.volumes[0].rbd: deprecated in v1.28, non-functional in v1.31+',
    ...[
      'topologySpreadConstraints[0].labelSelector',
      `affinity.podAffinity.${REQUIRED}[1].labelSelector`,
      `affinity.podAntiAffinity.${PREFERRED}[0].podAffinityTerm.labelSelector`,
    ].map((at) => `spec.template.spec.${at}: a null labelSelector results in matching no pod`),
    'spec.template.spec.initContainers[0].resources.requests[memory]: fractional byte value "100m" is invalid, must be an integer',
    'spec.template.spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply',
    'spec.template.spec.containers[0].ports[1]: duplicate port definition with spec.template.spec.containers[0].ports[0]',
  ]);
});
