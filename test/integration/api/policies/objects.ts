/** Objects and paths of the tests of policies. */
const GROUP = '/apis/admissionregistration.k8s.io/v1';
export const POLICIES = `${GROUP}/validatingadmissionpolicies`;
export const BINDINGS = `${GROUP}/validatingadmissionpolicybindings`;
export const MAPS = '/api/v1/namespaces/default/configmaps';
export const APPS = '/apis/apps/v1/namespaces/default/deployments';

export const about = (group: string, resource: string, over: object = {}) => ({
  resourceRules: [
    { operations: ['CREATE', 'UPDATE'], apiGroups: [group], apiVersions: ['v1'], resources: [resource], ...over },
  ],
});
export const onMaps = { matchConstraints: about('', 'configmaps') };
export const map = (name: string, data: Record<string, string> = {}, meta: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...meta },
  data,
});
export const deployment = (name: string, replicas: number) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
  },
});

/** What a refused request is told. */
export const said = (name: string, message: string): string =>
  `ValidatingAdmissionPolicy '${name}' with binding '${name}-b' denied request: ${message}`;
