import { expect, test } from 'vitest';
import type { CronJob, DaemonSet, HorizontalPodAutoscaler, Ingress, Job, Node } from '#api/kinds/index.ts';
import { answerText } from './answer.ts';
import { whyAutoscaler } from './autoscaler.ts';
import { whyNowhere } from './daemons.ts';
import { servicesOf, whyIngress } from './ingress.ts';
import { lastJob, whyCronJob, whyJob } from './jobs.ts';
import { whyKept } from './kept.ts';
import { whyNode } from './node.ts';

const named = <T>(o: object): T => ({ metadata: { name: 'x', namespace: 'shop' }, ...o }) as unknown as T;
const conditions = (...list: readonly (readonly [string, string, string?, string?])[]) => ({
  conditions: list.map(([type, status, reason, message]) => ({ type, status, reason, message })),
});

test.each<[string, object, RegExp]>([
  ['is fine', { status: conditions(['Ready', 'True']) }, /^x is fine/],
  ['is new', {}, /never reported/],
  [
    'is silent',
    { status: conditions(['Ready', 'Unknown', 'NodeStatusUnknown']) },
    /does not report any more.*\n {2}NodeStatusUnknown\nNext: cox describe node x/,
  ],
  ['is not ready', { status: conditions(['Ready', 'False', 'R', 'no runtime']) }, /not ready\.\n {2}R: no runtime\n/],
  [
    'is short of disk',
    { status: conditions(['DiskPressure', 'True', 'HasDiskPressure'], ['Ready', 'True']) },
    /short of disk space(?:.|\n)*spec\.nodeName=x/,
  ],
  [
    'is cordoned',
    { spec: { unschedulable: true }, status: conditions(['Ready', 'True']) },
    /cordoned(?:.|\n)*Next: cox uncordon x/,
  ],
])('why a node takes no pods: it %s', (_what, o, wanted) => {
  expect(answerText('x', whyNode(named<Node>(o)))).toMatch(wanted);
});

test.each<[string, object, RegExp]>([
  ['is done', { status: conditions(['Complete', 'True']) }, /is fine/],
  ['runs', { status: { active: 1 } }, /is fine/],
  [
    'is suspended',
    { spec: { suspend: true } },
    /is suspended(?:.|\n)*Next: cox patch job x -p '\{"spec":\{"suspend":false/,
  ],
  [
    'has failed too often',
    { spec: { completions: 3 }, status: { failed: 4, ...conditions(['Failed', 'True', 'BackoffLimitExceeded', 'm']) } },
    /failed more often than its backoffLimit allows\.\n {2}m\n {2}0 of 3 pods have succeeded, 4 failed\nNext: cox logs job\/x/,
  ],
  ['fails with a reason of its own', { status: conditions(['FailureTarget', 'True', 'Mine']) }, /given up: Mine/],
])('why a Job is not done: it %s', (_what, o, wanted) => {
  expect(answerText('x', whyJob(named<Job>(o)))).toMatch(wanted);
});

test('why a CronJob starts nothing, and which job it started last', () => {
  const cron = (o: object): CronJob => named({ metadata: { name: 'x', uid: 'u' }, ...o });
  expect(whyCronJob(cron({ spec: { suspend: true, schedule: '* * * * *' } }), [])?.because).toMatch(/^it is suspended/);
  expect(whyCronJob(cron({}), [])).toBeUndefined();
  const wrong = ['UnknownTimeZone: Mars'];
  expect(whyCronJob(cron({ spec: { schedule: '* * * * *' } }), wrong)).toMatchObject({
    because: 'it has started no job yet',
    evidence: ['schedule * * * * *', 'UnknownTimeZone: Mars'],
  });
  expect(whyCronJob(cron({ status: { lastScheduleTime: 't' } }), wrong)).toBeUndefined();
  const job = (name: string, uid: string, creationTimestamp: string): Job =>
    named({ metadata: { name, creationTimestamp, ownerReferences: [{ uid }] } });
  const jobs = [
    job('a', 'u', '2026-01-01T00:00:00Z'),
    job('b', 'u', '2026-01-02T00:00:00Z'),
    job('c', 'other', '2027'),
  ];
  expect(lastJob(cron({}), jobs)?.metadata?.name).toBe('b');
  expect(lastJob(cron({}), [])).toBeUndefined();
});

test('why a DaemonSet runs nowhere', () => {
  const spec = { template: { spec: { nodeSelector: { gpu: 'yes' } } } };
  expect(answerText('x', whyNowhere(named<DaemonSet>({ spec, status: { desiredNumberScheduled: 0 } })))).toMatch(
    /no node is one that its pods are for\.\n {2}its pods want a node with gpu=yes\nNext: cox get nodes --show-labels/,
  );
  expect(whyNowhere(named<DaemonSet>({ status: { desiredNumberScheduled: 1 } }))).toBeUndefined();
});

test.each<[string, object, RegExp]>([
  ['does', conditions(['AbleToScale', 'True'], ['ScalingActive', 'True'], ['ScalingLimited', 'False']), /is fine/],
  [
    'finds no target',
    conditions(['AbleToScale', 'False', 'FailedGetScale', 'none']),
    /FailedGetScale: none\nNext: cox get deployment\/web/,
  ],
  [
    'has no metrics',
    conditions(['ScalingActive', 'False', 'FailedGetResourceMetric', 'm']),
    /knows too little(?:.|\n)*cox top pods/,
  ],
  [
    'leaves 0 alone',
    conditions(['ScalingActive', 'False', 'ScalingDisabled', 'm']),
    /scaled to 0(?:.|\n)*--replicas=1/,
  ],
  [
    'is at its maximum',
    conditions(['ScalingLimited', 'True', 'TooManyReplicas', 'm']),
    /its maximum of 3\.(?:.|\n)*cox edit hpa x/,
  ],
  ['is at its minimum', conditions(['ScalingLimited', 'True', 'TooFewReplicas', 'm']), /is fine/],
])('why an autoscaler does not scale: it %s', (_what, status, wanted) => {
  const spec = { maxReplicas: 3, scaleTargetRef: { kind: 'Deployment', name: 'web' } };
  expect(answerText('x', whyAutoscaler(named<HorizontalPodAutoscaler>({ spec, status })))).toMatch(wanted);
});

const backend = (port: object) => ({ service: { name: 'web', port } });
const ingress = (port: object, o: object = {}): Ingress =>
  named({
    spec: { rules: [{ host: 'a.test', http: { paths: [{ path: '/', backend: backend(port) }] } }], ...o },
    status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } },
  });
const around = {
  classes: [
    named<never>({ metadata: { name: 'c', annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' } } }),
  ],
  services: [named<never>({ metadata: { name: 'web' }, spec: { ports: [{ name: 'http', port: 80 }] } })],
  missingSecrets: [],
};

test.each<[string, Ingress, object, RegExp]>([
  ['works by number', ingress({ number: 80 }), {}, /is fine/],
  ['works by name', ingress({ name: 'http' }, { ingressClassName: 'c' }), {}, /is fine/],
  ['names no class', ingress({ number: 80 }), { classes: [] }, /none is the default one\.\n {2}ingress classes: none/],
  ['names a wrong class', ingress({ number: 80 }, { ingressClassName: 'd' }), {}, /no ingress class "d"/],
  ['has no Service', ingress({ number: 80 }), { services: [] }, /no Service "web"\.\n {2}backend of a\.test\/\n/],
  [
    'has no such port',
    ingress({ number: 81 }),
    {},
    /has no port 81\.(?:.|\n)*its ports: http 80\nNext: cox describe svc web/,
  ],
  ['has no certificate', ingress({ number: 80 }), { missingSecrets: ['tls'] }, /no Secret "tls"/],
  ['has no address', { ...ingress({ number: 80 }), status: {} }, {}, /no ingress controller/],
])('why an Ingress leads nowhere: it %s', (_what, o, there, wanted) => {
  expect(answerText('x', whyIngress(o, { ...around, ...there }))).toMatch(wanted);
  expect(servicesOf(o)).toEqual(['web']);
});

test('why an object of any kind is still there', () => {
  const gone = (...finalizers: string[]) =>
    named<Node>({ metadata: { name: 'x', deletionTimestamp: 't', finalizers } });
  expect(whyKept(named<Node>({}), 'node')).toBeUndefined();
  expect(answerText('x', whyKept(gone('a.example/b'), 'widget'))).toBe(
    'x: it is being deleted, and a finalizer keeps it.\n  since t\n  finalizer a.example/b\nNext: cox get widget x -o yaml\n',
  );
  expect(whyKept(gone('foregroundDeletion'), 'job')).toMatchObject({ next: 'cox tree job/x' });
});
