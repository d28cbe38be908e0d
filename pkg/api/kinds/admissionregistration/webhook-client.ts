import { bytes, f, int32, objectsIn, req, str, type TypeOf } from '../../schema/schema.ts';

const obj = objectsIn('io.k8s.api.admissionregistration.v1');

export const ServiceReference = obj('ServiceReference', 'A service that answers calls.', {
  namespace: req(1, str, 'Its namespace.'),
  name: req(2, str, 'Its name.'),
  path: f(3, str, 'Path of the calls.', { ptr: true }),
  port: f(4, int32, 'Port of the service.', { ptr: true, default: 443 }),
});
export type ServiceReference = TypeOf<typeof ServiceReference>;

export const WebhookClientConfig = obj('WebhookClientConfig', 'How to call a webhook; one of url and service is set.', {
  url: f(3, str, 'Where it is.', { ptr: true }),
  service: f(1, ServiceReference, 'Service that answers.'),
  caBundle: f(2, bytes, 'Certificate authorities of its certificate, PEM.'),
});
export type WebhookClientConfig = TypeOf<typeof WebhookClientConfig>;
