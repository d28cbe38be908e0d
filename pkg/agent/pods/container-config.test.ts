import { expect, test } from 'vitest';
import type { Container, Pod } from '#api/kinds/index.ts';
import { oomScoreAdj } from './container-config.ts';

const GIB = 2 ** 30;
const asking = (memory: string, more: object = {}): Container => ({
  name: 'c',
  resources: { requests: { memory } },
  ...more,
});
const whole = { cpu: '1', memory: '1Gi' };
const exact: Container = { name: 'c', resources: { requests: whole, limits: whole } };
const plain: Container = { name: 'c' };
const sidecar = { restartPolicy: 'Always' };

test.each<[string, Container, object, number]>([
  ['of guaranteed pods go last', exact, { containers: [exact] }, -997],
  ['of pods without requests go first', plain, { containers: [plain] }, 1000],
  ['of others by what they ask for', asking('1Gi'), { containers: [asking('1Gi')] }, 750],
  ['of others that ask for nothing', plain, { containers: [plain, asking('1Gi')] }, 999],
  ['of others that ask for nearly all', asking('4Gi'), { containers: [asking('4Gi')] }, 3],
  [
    'of pods that the node cannot do without',
    plain,
    { containers: [plain], priorityClassName: 'system-node-critical' },
    -997,
  ],
  [
    'of pods that the cluster cannot do without: as others',
    plain,
    { containers: [plain], priorityClassName: 'system-cluster-critical' },
    1000,
  ],
  [
    'beside others, no earlier than they',
    asking('1Mi', sidecar),
    { initContainers: [asking('1Mi', sidecar)], containers: [asking('2Gi'), asking('1Gi')] },
    750,
  ],
  [
    'beside others, that ask for more than they',
    asking('2Gi', sidecar),
    { initContainers: [asking('2Gi', sidecar)], containers: [asking('1Gi')] },
    500,
  ],
])('when memory runs out, containers %s', (_, c, spec, score) => {
  expect(oomScoreAdj({ spec } as Pod, c, 4 * GIB)).toBe(score);
});
