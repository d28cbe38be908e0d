import { expect, test } from 'vitest';
import { podWarnings, templateWarnings } from './warnings.ts';

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
  const metadata = { annotations: { 'container.apparmor.security.beta.kubernetes.io/c': 'x' } };
  expect(templateWarnings('spec.template', () => ({ metadata, spec }))({})).toEqual([
    'spec.template.metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: deprecated since v1.30; use the "appArmorProfile" field instead',
    'spec.template.spec.nodeSelector[beta.kubernetes.io/arch]: deprecated since v1.14; use "kubernetes.io/arch" instead',
    'spec.template.spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1',
    'spec.template.spec.initContainers[0].resources.requests[memory]: fractional byte value "100m" is invalid, must be an integer',
    'spec.template.spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply',
    'spec.template.spec.containers[0].ports[1]: duplicate port definition with spec.template.spec.containers[0].ports[0]',
  ]);
});
