import { expect, test } from 'vitest';
import { type BadInput, created, includesProblem, spoiled, texts } from '../../fixtures.ts';
import { goodPod as good } from './good-pod.ts';
import { Pods } from './pod.ts';

const C = 'spec.containers[0]';
const REQUIRED = 'FieldValueRequired';
const INVALID = 'FieldValueInvalid';
const FORBIDDEN = 'FieldValueForbidden';
const DUPLICATE = 'FieldValueDuplicate';
const UNSUPPORTED = 'FieldValueNotSupported';
const NEGATIVE = 'must be greater than or equal to 0';
const probe = { tcpSocket: { port: 80 } };

const bad: BadInput[] = [
  [{ 'spec.containers': [] }, REQUIRED, 'spec.containers', 'Required value'],
  [{ [`${C}.name`]: '' }, REQUIRED, `${C}.name`, 'Required value'],
  [{ [`${C}.name`]: 'App' }, INVALID, `${C}.name`, 'a lowercase RFC 1123 label must consist of'],
  [{ [`${C}.image`]: undefined }, REQUIRED, `${C}.image`, 'Required value'],
  [{ [`${C}.image`]: ' x' }, INVALID, `${C}.image`, 'must not have leading or trailing whitespace'],
  [{ 'spec.containers[1]': { name: 'app', image: 'x' } }, DUPLICATE, 'spec.containers[1].name', '"app"'],
  [{ [`${C}.restartPolicy`]: 'Always' }, FORBIDDEN, `${C}.restartPolicy`, 'may not be set for non-init containers'],
  [
    { [`${C}.imagePullPolicy`]: 'Now' },
    UNSUPPORTED,
    `${C}.imagePullPolicy`,
    '"Now": supported values: "Always", "IfNotPresent", "Never"',
  ],
  [
    { [`${C}.terminationMessagePolicy`]: 'X' },
    UNSUPPORTED,
    `${C}.terminationMessagePolicy`,
    '"FallbackToLogsOnError", "File"',
  ],
  // ports
  [{ [`${C}.ports[0].containerPort`]: 0 }, REQUIRED, `${C}.ports[0].containerPort`, 'Required value'],
  [
    { [`${C}.ports[0].containerPort`]: 70_000 },
    INVALID,
    `${C}.ports[0].containerPort`,
    '70000: must be between 1 and 65535, inclusive',
  ],
  [{ [`${C}.ports[0].hostPort`]: -1 }, INVALID, `${C}.ports[0].hostPort`, 'must be between 1 and 65535, inclusive'],
  [
    { [`${C}.ports[0].protocol`]: 'HTTP' },
    UNSUPPORTED,
    `${C}.ports[0].protocol`,
    'supported values: "SCTP", "TCP", "UDP"',
  ],
  [
    { [`${C}.ports[0].name`]: 'a-very-long-port-name' },
    INVALID,
    `${C}.ports[0].name`,
    'must be no more than 15 characters',
  ],
  [{ [`${C}.ports[1]`]: { name: 'http', containerPort: 81 } }, DUPLICATE, `${C}.ports[1].name`, '"http"'],
  [
    {
      [`${C}.ports`]: [
        { containerPort: 1, hostPort: 1 },
        { containerPort: 2, hostPort: 1 },
      ],
    },
    DUPLICATE,
    `${C}.ports[1].hostPort`,
    'TCP//1',
  ],
  [
    { 'spec.hostNetwork': true, [`${C}.ports[0].hostPort`]: 81 },
    INVALID,
    `${C}.ports[0].containerPort`,
    'must match `hostPort` when `hostNetwork` is true',
  ],
  // environment
  [{ [`${C}.env[0].name`]: '' }, REQUIRED, `${C}.env[0].name`, 'Required value'],
  [
    { [`${C}.env[0].name`]: 'a=b' },
    INVALID,
    `${C}.env[0].name`,
    "must consist only of printable ASCII characters other than '='",
  ],
  [{ [`${C}.env[0].valueFrom`]: {} }, INVALID, `${C}.env[0].valueFrom`, 'must specify one of: `fieldRef`'],
  [
    { [`${C}.env[0].valueFrom`]: { fieldRef: { fieldPath: 'metadata.name' } } },
    INVALID,
    `${C}.env[0].valueFrom`,
    'may not be specified when `value` is not empty',
  ],
  [
    { [`${C}.env[0]`]: { name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.hostname' } } } },
    UNSUPPORTED,
    `${C}.env[0].valueFrom.fieldRef.fieldPath`,
    '"metadata.name"',
  ],
  [
    { [`${C}.env[0]`]: { name: 'A', valueFrom: { fieldRef: { fieldPath: 'nope' } } } },
    INVALID,
    `${C}.env[0].valueFrom.fieldRef.fieldPath`,
    'field label not supported: nope',
  ],
  [
    { [`${C}.env[0]`]: { name: 'A', valueFrom: { resourceFieldRef: { resource: 'limits.gpu' } } } },
    UNSUPPORTED,
    `${C}.env[0].valueFrom.resourceFieldRef.resource`,
    '"limits.cpu"',
  ],
  [
    { [`${C}.env[0]`]: { name: 'A', valueFrom: { configMapKeyRef: { key: 'k' } } } },
    INVALID,
    `${C}.env[0].valueFrom.configMapKeyRef.name`,
    '"": a lowercase RFC 1123 subdomain',
  ],
  [
    { [`${C}.env[0]`]: { name: 'A', valueFrom: { secretKeyRef: { name: 's', key: '' } } } },
    REQUIRED,
    `${C}.env[0].valueFrom.secretKeyRef.key`,
    'Required value',
  ],
  [{ [`${C}.envFrom`]: [{}] }, INVALID, `${C}.envFrom`, 'must specify one of: `configMapRef` or `secretRef`'],
  [{ [`${C}.envFrom`]: [{ secretRef: {} }] }, REQUIRED, `${C}.envFrom[0].secretRef.name`, 'Required value'],
  // resources
  [{ [`${C}.resources.limits.cpu`]: '-1' }, INVALID, `${C}.resources.limits[cpu]`, NEGATIVE],
  [
    { [`${C}.resources.requests.cpu`]: '2' },
    INVALID,
    `${C}.resources.requests`,
    '"2": must be less than or equal to cpu limit of 1',
  ],
  [
    { [`${C}.resources.limits.gpu`]: '1' },
    INVALID,
    `${C}.resources.limits[gpu]`,
    'must be a standard resource type or fully qualified',
  ],
  [
    { [`${C}.resources.requests`]: { 'nvidia.com/gpu': '1' } },
    REQUIRED,
    `${C}.resources.limits`,
    'Limit must be set for non overcommitable resources',
  ],
  // probes and hooks
  [{ [`${C}.livenessProbe`]: {} }, REQUIRED, `${C}.livenessProbe`, 'must specify a handler type'],
  [
    { [`${C}.livenessProbe`]: { ...probe, exec: { command: ['x'] } } },
    FORBIDDEN,
    `${C}.livenessProbe.tcpSocket`,
    'may not specify more than 1 handler type',
  ],
  [
    { [`${C}.livenessProbe`]: { ...probe, successThreshold: 2 } },
    INVALID,
    `${C}.livenessProbe.successThreshold`,
    '2: must be 1',
  ],
  [
    { [`${C}.startupProbe`]: { ...probe, successThreshold: 2 } },
    INVALID,
    `${C}.startupProbe.successThreshold`,
    '2: must be 1',
  ],
  [
    { [`${C}.readinessProbe`]: { ...probe, timeoutSeconds: -1 } },
    INVALID,
    `${C}.readinessProbe.timeoutSeconds`,
    NEGATIVE,
  ],
  [
    { [`${C}.readinessProbe`]: { ...probe, terminationGracePeriodSeconds: 5 } },
    INVALID,
    `${C}.readinessProbe.terminationGracePeriodSeconds`,
    'must not be set for readinessProbes',
  ],
  [
    { [`${C}.livenessProbe`]: { tcpSocket: { port: 0 } } },
    INVALID,
    `${C}.livenessProbe.tcpSocket.port`,
    'must be between 1 and 65535',
  ],
  [{ [`${C}.livenessProbe`]: { exec: {} } }, REQUIRED, `${C}.livenessProbe.exec.command`, 'Required value'],
  [
    { [`${C}.livenessProbe`]: { httpGet: { port: 80, scheme: 'FTP' } } },
    UNSUPPORTED,
    `${C}.livenessProbe.httpGet.scheme`,
    '"HTTP", "HTTPS"',
  ],
  [
    { [`${C}.livenessProbe`]: { httpGet: { port: 80, httpHeaders: [{ name: 'a b', value: '' }] } } },
    INVALID,
    `${C}.livenessProbe.httpGet.httpHeaders`,
    'a valid HTTP header',
  ],
  [{ [`${C}.lifecycle`]: { preStop: {} } }, REQUIRED, `${C}.lifecycle.preStop`, 'must specify a handler type'],
  [
    { [`${C}.lifecycle`]: { preStop: { sleep: { seconds: 31 } } } },
    INVALID,
    `${C}.lifecycle.preStop.sleep`,
    'less than terminationGracePeriodSeconds (30)',
  ],
  // security
  [
    { [`${C}.securityContext`]: { runAsUser: -1 } },
    INVALID,
    `${C}.securityContext.runAsUser`,
    'between 0 and 2147483647',
  ],
  [
    { [`${C}.securityContext`]: { privileged: true, allowPrivilegeEscalation: false } },
    INVALID,
    `${C}.securityContext`,
    'cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
  ],
  [
    { 'spec.securityContext': { fsGroup: 2 ** 31 } },
    INVALID,
    'spec.securityContext.fsGroup',
    'between 0 and 2147483647',
  ],
  [
    { 'spec.hostPID': true, 'spec.shareProcessNamespace': true },
    INVALID,
    'spec.securityContext.shareProcessNamespace',
    'cannot both be enabled',
  ],
  // init and ephemeral containers
  [{ 'spec.initContainers': [{ name: 'app', image: 'x' }] }, DUPLICATE, 'spec.initContainers[0].name', '"app"'],
  [
    { 'spec.initContainers': [{ name: 'i', image: 'x', livenessProbe: probe }] },
    FORBIDDEN,
    'spec.initContainers[0].livenessProbe',
    'may not be set for init containers without restartPolicy=Always',
  ],
  [
    { 'spec.initContainers': [{ name: 'i', image: 'x', restartPolicy: 'Never' }] },
    UNSUPPORTED,
    'spec.initContainers[0].restartPolicy',
    '"Always"',
  ],
  [
    { 'spec.ephemeralContainers': [{ name: 'd', image: 'x' }] },
    FORBIDDEN,
    'spec.ephemeralContainers',
    'cannot be set on create',
  ],
  // the pod as a whole
  [{ 'spec.restartPolicy': 'Sometimes' }, UNSUPPORTED, 'spec.restartPolicy', '"Always", "Never", "OnFailure"'],
  [{ 'spec.dnsPolicy': 'X' }, UNSUPPORTED, 'spec.dnsPolicy', '"ClusterFirst"'],
  [{ 'spec.dnsPolicy': 'None' }, REQUIRED, 'spec.dnsConfig', 'must provide `dnsConfig` when `dnsPolicy` is None'],
  [
    { 'spec.dnsConfig': { nameservers: ['x'] } },
    INVALID,
    'spec.dnsConfig.nameservers[0]',
    'must be a valid IP address',
  ],
  [
    { 'spec.activeDeadlineSeconds': 0 },
    INVALID,
    'spec.activeDeadlineSeconds',
    'must be between 1 and 2147483647, inclusive',
  ],
  [{ 'spec.nodeSelector': { 'a/b/c': 'x' } }, INVALID, 'spec.nodeSelector', 'a qualified name'],
  [{ 'spec.hostname': 'A_b' }, INVALID, 'spec.hostname', 'RFC 1123 label'],
  [{ 'spec.serviceAccountName': 'X' }, INVALID, 'spec.serviceAccountName', 'RFC 1123 subdomain'],
  [{ 'spec.nodeName': 'N_1' }, INVALID, 'spec.nodeName', 'RFC 1123 subdomain'],
  [{ 'spec.hostAliases': [{ ip: '1.2.3' }] }, INVALID, 'spec.hostAliases[0].ip', 'must be a valid IP address'],
  [{ 'spec.schedulingGates': [{ name: 'a' }, { name: 'a' }] }, DUPLICATE, 'spec.schedulingGates[1]', '"a"'],
  [
    { 'spec.schedulingGates': [{ name: 'a' }], 'spec.nodeName': 'n' },
    FORBIDDEN,
    'spec.nodeName',
    'until all schedulingGates have been cleared',
  ],
  // scheduling
  [
    { 'spec.tolerations': [{ value: 'x' }] },
    INVALID,
    'spec.tolerations[0].operator',
    'operator must be Exists when `key` is empty',
  ],
  [
    { 'spec.tolerations': [{ key: 'k', operator: 'Exists', value: 'x' }] },
    INVALID,
    'spec.tolerations[0].operator',
    "value must be empty when `operator` is 'Exists'",
  ],
  [
    { 'spec.tolerations': [{ key: 'k', operator: 'Gt' }] },
    UNSUPPORTED,
    'spec.tolerations[0].operator',
    '"Equal", "Exists"',
  ],
  [
    { 'spec.tolerations': [{ key: 'k', operator: 'Exists', effect: 'Never' }] },
    UNSUPPORTED,
    'spec.tolerations[0].effect',
    '"NoExecute"',
  ],
  [
    { 'spec.tolerations': [{ key: 'k', operator: 'Exists', tolerationSeconds: 3 }] },
    INVALID,
    'spec.tolerations[0].effect',
    "effect must be 'NoExecute' when `tolerationSeconds` is set",
  ],
  [
    {
      'spec.affinity': { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } } },
    },
    REQUIRED,
    'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms',
    'must have at least one node selector term',
  ],
  [
    { 'spec.affinity': { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: '' }] } } },
    REQUIRED,
    'spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey',
    'can not be empty',
  ],
  [
    {
      'spec.affinity': {
        podAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 0, podAffinityTerm: { topologyKey: 'z' } }],
        },
      },
    },
    INVALID,
    'spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight',
    'must be in the range 1-100',
  ],
  [
    { 'spec.topologySpreadConstraints': [{ maxSkew: 0, topologyKey: 'z', whenUnsatisfiable: 'DoNotSchedule' }] },
    INVALID,
    'spec.topologySpreadConstraints[0].maxSkew',
    'must be greater than zero',
  ],
  [
    { 'spec.topologySpreadConstraints': [{ maxSkew: 1, topologyKey: '', whenUnsatisfiable: 'DoNotSchedule' }] },
    REQUIRED,
    'spec.topologySpreadConstraints[0].topologyKey',
    'can not be empty',
  ],
  [
    { 'spec.topologySpreadConstraints': [{ maxSkew: 1, topologyKey: 'z', whenUnsatisfiable: 'X' }] },
    UNSUPPORTED,
    'spec.topologySpreadConstraints[0].whenUnsatisfiable',
    '"DoNotSchedule", "ScheduleAnyway"',
  ],
  [
    {
      'spec.topologySpreadConstraints': [
        { maxSkew: 1, topologyKey: 'z', whenUnsatisfiable: 'DoNotSchedule', matchLabelKeys: ['a'] },
      ],
    },
    FORBIDDEN,
    'spec.topologySpreadConstraints[0].matchLabelKeys',
    'must not be specified when labelSelector is not set',
  ],
  [
    {
      'spec.affinity': {
        podAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [
            { topologyKey: 'z', labelSelector: {}, matchLabelKeys: ['a'], mismatchLabelKeys: ['a'] },
          ],
        },
      },
    },
    INVALID,
    'spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].matchLabelKeys[0]',
    'exists in both matchLabelKeys and mismatchLabelKeys',
  ],
  // names
  [{ 'spec.dnsConfig': { searches: ['a..b'] } }, INVALID, 'spec.dnsConfig.searches[0]', 'RFC 1123 subdomain'],
  [
    { 'spec.dnsConfig': { searches: Array.from({ length: 33 }, () => 'a.b') } },
    INVALID,
    'spec.dnsConfig.searches',
    'must not have more than 32 search paths',
  ],
  [
    { 'spec.hostAliases': [{ ip: '192.0.2.1', hostnames: ['a_b'] }] },
    INVALID,
    'spec.hostAliases[0].hostnames[0]',
    'RFC 1123 subdomain',
  ],
];

test('search domains may have underscores, end with a dot, and be the root', () => {
  const searches = ['_tcp.example.com', 'a.b.', '.'];
  expect(texts(created(Pods, spoiled(good, { 'spec.dnsConfig': { searches } })).problems)).toEqual([]);
});

test('a good pod has no problems', () => {
  expect(texts(created(Pods, good).problems)).toEqual([]);
});

test.each(bad)('%j: %s %s', (...input) => {
  const { problems } = created(Pods, spoiled(good, input[0]));
  expect(texts(problems).join('\n')).toContain(`${input[1]} ${input[2]}: `);
  expect(includesProblem(problems, input), texts(problems).join('\n')).toBe(true);
});
