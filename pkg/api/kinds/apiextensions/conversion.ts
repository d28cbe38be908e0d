import { arr, bytes, f, int32, objectsIn, oneOf, req, str, type TypeOf } from '../../schema/schema.ts';

const obj = objectsIn('io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1');

export const ConversionServiceReference = obj('ServiceReference', 'A service that answers calls.', {
  namespace: req(1, str, 'Its namespace.'),
  name: req(2, str, 'Its name.'),
  path: f(3, str, 'Path of the calls.', { ptr: true }),
  port: f(4, int32, 'Port of the service.', { ptr: true, default: 443 }),
});
export type ConversionServiceReference = TypeOf<typeof ConversionServiceReference>;

export const ConversionClientConfig = obj(
  'WebhookClientConfig',
  'How to call a webhook; one of url and service is set.',
  {
    url: f(3, str, 'Where it is.', { ptr: true }),
    service: f(1, ConversionServiceReference, 'Service that answers.'),
    caBundle: f(2, bytes, 'Certificate authorities of its certificate, PEM.'),
  },
);
export type ConversionClientConfig = TypeOf<typeof ConversionClientConfig>;

export const WebhookConversion = obj('WebhookConversion', 'A webhook that converts between versions.', {
  clientConfig: f(2, ConversionClientConfig, 'How to call it.'),
  conversionReviewVersions: req(3, arr(str), 'Versions of the review it understands.'),
});
export type WebhookConversion = TypeOf<typeof WebhookConversion>;

export const CustomResourceConversion = obj('CustomResourceConversion', 'How objects are converted between versions.', {
  strategy: req(1, oneOf('None', 'Webhook'), 'None or Webhook.'),
  webhook: f(2, WebhookConversion, 'The webhook.'),
});
export type CustomResourceConversion = TypeOf<typeof CustomResourceConversion>;
