import { defineKind, topLevel } from '../../kind.ts';
import { bool, bytes, f, int32, mapList, objectsIn, req, str, type TypeOf, time } from '../../schema/schema.ts';
import { ConditionStatus } from '../core/values.ts';

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

export const APIServiceStatus = obj('APIServiceStatus', 'State of a served version.', {
  conditions: f(1, mapList(APIServiceCondition, 'type'), 'Aspects of its state.'),
});

export const APIServiceSchema = topLevel(PKG, 'APIService', 'Says who serves an API group and version.', {
  spec: f(2, APIServiceSpec, 'Who serves it.'),
  status: f(3, APIServiceStatus, 'Its state.'),
});
export type APIService = TypeOf<typeof APIServiceSchema>;

export const APIServices = defineKind<APIService>({
  group: 'apiregistration.k8s.io',
  version: 'v1',
  kind: 'APIService',
  plural: 'apiservices',
  namespaced: false,
  categories: ['api-extensions'],
  hasStatus: true,
  schema: APIServiceSchema,
});
