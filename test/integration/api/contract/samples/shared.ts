/** A good object of a kind, and changes that spoil it: path → value, and the field that is to be blamed. */
export interface Sample {
  readonly good: object;
  readonly bad: readonly (readonly [path: string, value: unknown, field?: string])[];
}

export const labels = { app: 'x' };
export const selector = { matchLabels: labels };
export const container = { name: 'c', image: 'i' };
export const template = { metadata: { labels }, spec: { containers: [container] } };
export const jobTemplate = { spec: { containers: [container], restartPolicy: 'Never' } };
export const CONTAINER = 'spec.template.spec.containers[0]';
export const BIG = 'x'.repeat(64);
export const ref = { kind: 'ConfigMap', name: 'a', namespace: 'default' };
export const RBAC = 'rbac.authorization.k8s.io';
/** In the right envelope. */
export const GARBAGE = '-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n';

export const hook = {
  name: 'a.example.com',
  clientConfig: { url: 'https://127.0.0.1:9/x' },
  rules: [{ apiGroups: ['none.example'], apiVersions: ['v1'], resources: ['nothings'], operations: ['CREATE'] }],
  admissionReviewVersions: ['v1'],
  sideEffects: 'None',
};
export const workload = [
  ['spec.selector', undefined, 'spec.template.metadata.labels'],
  ['spec.selector', {}, 'spec.selector'],
  ['spec.template.metadata.labels', { app: 'y' }, 'spec.template.metadata.labels'],
  ['spec.template.spec.restartPolicy', 'Never', 'spec.template.spec.restartPolicy'],
  [`${CONTAINER}.name`, 'No_Good', `${CONTAINER}.name`],
  [`${CONTAINER}.image`, undefined, `${CONTAINER}.image`],
] as const;
export const webhooks = (plural: string): Sample => ({
  good: { webhooks: [hook] },
  bad: [
    ['webhooks[0].name', 'x', 'webhooks[0].name'],
    ['webhooks[0].sideEffects', 'Some', 'webhooks[0].sideEffects'],
    ['webhooks[0].timeoutSeconds', 31, 'webhooks[0].timeoutSeconds'],
    ['webhooks[0].clientConfig', { url: 'http://a.b' }, 'webhooks[0].clientConfig.url'],
    ['webhooks[0].failurePolicy', plural, 'webhooks[0].failurePolicy'],
  ],
});
export const metric = (target: object) => ({ type: 'Resource', resource: { name: 'cpu', target } });
export const scaled = {
  scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'a' },
  minReplicas: 1,
  maxReplicas: 2,
};
export const binding = (kind: string): Sample => ({
  good: { roleRef: { apiGroup: RBAC, kind, name: 'view' }, subjects: [{ kind: 'User', apiGroup: RBAC, name: 'u' }] },
  bad: [
    ['roleRef.name', '', 'roleRef.name'],
    ['roleRef.kind', 'Pod', 'roleRef.kind'],
    ['roleRef.apiGroup', 'x', 'roleRef.apiGroup'],
    ['subjects[0].name', '', 'subjects[0].name'],
    ['subjects[0].kind', 'Robot', 'subjects[0].kind'],
  ],
});
