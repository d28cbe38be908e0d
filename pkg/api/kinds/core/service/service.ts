import { defineKind, topLevel } from '../../../kind.ts';
import { f, type TypeOf } from '../../../schema/schema.ts';
import {
  defaultService,
  prepareServiceCreate,
  prepareServiceStatus,
  prepareServiceUpdate,
} from './service-defaults.ts';
import { serviceColumns } from './service-table.ts';
import { validateService, validateServiceStatus } from './service-validation.ts';
import { ServiceSpec, ServiceStatus } from './spec.ts';

const PKG = 'io.k8s.api.core.v1';

export const ServiceSchema = topLevel(PKG, 'Service', 'A stable name and address for a changing set of pods.', {
  spec: f(2, ServiceSpec, 'How it shall work.', { default: {} }),
  status: f(3, ServiceStatus, 'What its load balancer reports.'),
});
export type Service = TypeOf<typeof ServiceSchema>;

export const Services = defineKind<Service>({
  group: '',
  version: 'v1',
  kind: 'Service',
  plural: 'services',
  shortNames: ['svc'],
  categories: ['all'],
  nameRule: 'dns1035Label',
  hasStatus: true,
  hasGeneration: false,
  subresources: ['proxy'],
  createOnUpdate: true,
  returnsDeleted: true,
  schema: ServiceSchema,
  defaults: defaultService,
  prepareCreate: prepareServiceCreate,
  prepareUpdate: prepareServiceUpdate,
  validate: validateService,
  prepareStatus: prepareServiceStatus,
  validateStatus: validateServiceStatus,
  fields: {
    'spec.clusterIP': (o) => o.spec?.clusterIP ?? '',
    'spec.type': (o) => o.spec?.type ?? '',
  },
  columns: serviceColumns,
});
