import { defineKind, topLevel } from '../../kind.ts';
import { type FieldError, invalid, required } from '../../meta/fielderrors.ts';
import { dns1035Label, dnsSubdomain, portNumber } from '../../meta/names.ts';
import { bool, bytes, f, int32, mapList, objectsIn, req, str, type TypeOf, time } from '../../schema/schema.ts';
import { invalidFor } from '../check/check.ts';
import { ConditionStatus } from '../core/values.ts';
import { ageColumn, column, nameColumn } from '../print/columns.ts';

const PKG = 'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1';
const obj = objectsIn(PKG);

export const APIServiceReference = obj('ServiceReference', 'The service that answers for a group and version.', {
  namespace: f(1, str, 'Its namespace.'),
  name: f(2, str, 'Its name.'),
  port: f(3, int32, 'Port of the service.', { ptr: true }),
});

export const APIServiceSpec = obj('APIServiceSpec', 'Who serves a group and version.', {
  service: f(1, APIServiceReference, 'The service; absent when this server does itself.'),
  group: f(2, str, 'The API group.'),
  version: f(3, str, 'The API version.'),
  insecureSkipTLSVerify: f(4, bool, 'Do not check the certificate of the service.'),
  caBundle: f(5, bytes, 'Certificate authorities of the service, PEM.'),
  groupPriorityMinimum: req(7, int32, 'Least priority of the group; higher comes first.'),
  versionPriority: req(8, int32, 'Order of the version in its group.'),
});
export type APIServiceSpec = TypeOf<typeof APIServiceSpec>;

export const APIServiceCondition = obj('APIServiceCondition', 'One aspect of a served version.', {
  type: req(1, str, 'Which aspect.'),
  status: req(2, ConditionStatus, 'True, False or Unknown.'),
  lastTransitionTime: f(3, time, 'When the status last changed.'),
  reason: f(4, str, 'Short reason, in CamelCase.'),
  message: f(5, str, 'Explanation for people.'),
});

export type APIServiceCondition = TypeOf<typeof APIServiceCondition>;

export const APIServiceStatus = obj('APIServiceStatus', 'State of a served version.', {
  conditions: f(1, mapList(APIServiceCondition, 'type'), 'Aspects of its state.'),
});

export const APIServiceSchema = topLevel(PKG, 'APIService', 'Says who serves an API group and version.', {
  spec: f(2, APIServiceSpec, 'Who serves it.'),
  status: f(3, APIServiceStatus, 'Its state.'),
});
export type APIService = TypeOf<typeof APIServiceSchema>;

const MAX_GROUP_PRIORITY = 20_000;
const MAX_VERSION_PRIORITY = 1000;

function validateApiService(o: APIService): FieldError[] {
  const { group = '', version = '', service, groupPriorityMinimum: priority = 0, versionPriority = 0 } = o.spec ?? {};
  const found: FieldError[] = [];
  const wanted = `${version}.${group}`;
  if (o.metadata?.name && o.metadata.name !== wanted) {
    found.push(invalid('metadata.name', o.metadata.name, `must be \`spec.version+"."+spec.group\`: "${wanted}"`));
  }
  if (!group && version !== 'v1') {
    found.push(required('spec.group', 'only v1 may have an empty group and it better be legacy kube'));
  }
  if (group) found.push(...invalidFor('spec.group', group, dnsSubdomain(group)));
  found.push(...invalidFor('spec.version', version, dns1035Label(version)));
  if (priority <= 0 || priority > MAX_GROUP_PRIORITY) {
    found.push(invalid('spec.groupPriorityMinimum', priority, `must be positive and less than ${MAX_GROUP_PRIORITY}`));
  }
  if (versionPriority <= 0 || versionPriority > MAX_VERSION_PRIORITY) {
    found.push(
      invalid('spec.versionPriority', versionPriority, `must be positive and less than ${MAX_VERSION_PRIORITY}`),
    );
  }
  if (!service) {
    if (o.spec?.caBundle)
      found.push(
        invalid(
          'spec.caBundle',
          `${Buffer.byteLength(o.spec.caBundle, 'base64')} bytes`,
          'local APIServices may not have a caBundle',
        ),
      );
    if (o.spec?.insecureSkipTLSVerify) {
      found.push(invalid('spec.insecureSkipTLSVerify', true, 'local APIServices may not have insecureSkipTLSVerify'));
    }
    return found;
  }
  for (const k of ['namespace', 'name'] as const) if (!service[k]) found.push(required(`spec.service.${k}`));
  const wrong = portNumber(service.port ?? 0);
  if (wrong.length > 0) {
    found.push(invalid('spec.service.port', service.port, `port is not valid: ${wrong.join(', ')}`));
  }
  if (o.spec?.insecureSkipTLSVerify && o.spec.caBundle) {
    found.push(invalid('spec.insecureSkipTLSVerify', true, 'may not be true if caBundle is present'));
  }
  return found;
}

function availableText(o: APIService): string {
  const c = o.status?.conditions?.find((x) => x.type === 'Available');
  if (!c) return 'Unknown';
  return c.status === 'False' ? `False (${c.reason})` : c.status;
}

/** The condition of what the server serves itself. */
export const LOCAL = {
  type: 'Available',
  status: 'True',
  reason: 'Local',
  message: 'Local APIServices are always available',
} as const satisfies APIServiceCondition;

export const APIServices = defineKind<APIService>({
  group: 'apiregistration.k8s.io',
  version: 'v1',
  kind: 'APIService',
  plural: 'apiservices',
  needsVersion: true,
  statusKeepsMeta: true,
  categories: ['api-extensions'],
  namespaced: false,
  // "v1." is the core group's.
  nameRule: 'pathSegment',
  hasStatus: true,
  schema: APIServiceSchema,
  defaults: (o) => {
    if (o.spec?.service) o.spec.service.port ??= 443;
  },
  prepareCreate: (o) => {
    o.status = o.spec?.service ? {} : { conditions: [{ ...LOCAL, lastTransitionTime: o.metadata?.creationTimestamp }] };
  },
  validate: validateApiService,
  columns: [
    nameColumn,
    column('Service', 'The service that answers.', (o) =>
      o.spec?.service ? `${o.spec.service.namespace}/${o.spec.service.name}` : 'Local',
    ),
    column('Available', 'Whether it answers.', availableText),
    ageColumn,
  ],
});
