import { LabelSelector } from '../../meta/labelselector.ts';
import { f, int32, objectsIn, oneOf, quantity, req, str, type TypeOf } from '../../schema/schema.ts';

const obj = objectsIn('io.k8s.api.autoscaling.v2');

export const CrossVersionObjectReference = obj(
  'CrossVersionObjectReference',
  'Names an object in the same namespace.',
  {
    kind: req(1, str, 'Kind of the object.'),
    name: req(2, str, 'Name of the object.'),
    apiVersion: f(3, str, 'API version of the object.'),
  },
);
export type CrossVersionObjectReference = TypeOf<typeof CrossVersionObjectReference>;

export const MetricIdentifier = obj('MetricIdentifier', 'Names a metric.', {
  name: req(1, str, 'Its name.'),
  selector: f(2, LabelSelector, 'Selects one of several series.'),
});
export type MetricIdentifier = TypeOf<typeof MetricIdentifier>;

export const MetricTarget = obj('MetricTarget', 'Value a metric shall have.', {
  type: req(1, oneOf('AverageValue', 'Utilization', 'Value'), 'Which of the values is meant.'),
  value: f(2, quantity, 'The value itself.', { ptr: true }),
  averageValue: f(3, quantity, 'The mean over the pods.', { ptr: true }),
  averageUtilization: f(4, int32, 'The mean over the pods, in percent of the request.', { ptr: true }),
});
export type MetricTarget = TypeOf<typeof MetricTarget>;

export const MetricValueStatus = obj('MetricValueStatus', 'Value a metric has.', {
  value: f(1, quantity, 'The value itself.', { ptr: true }),
  averageValue: f(2, quantity, 'The mean over the pods.', { ptr: true }),
  averageUtilization: f(3, int32, 'The mean over the pods, in percent of the request.', { ptr: true }),
});
export type MetricValueStatus = TypeOf<typeof MetricValueStatus>;

export const ObjectMetricSource = obj('ObjectMetricSource', 'A metric of one object.', {
  describedObject: req(1, CrossVersionObjectReference, 'The object.'),
  target: req(2, MetricTarget, 'Value wanted.'),
  metric: req(3, MetricIdentifier, 'The metric.'),
});
export type ObjectMetricSource = TypeOf<typeof ObjectMetricSource>;

export const PodsMetricSource = obj('PodsMetricSource', 'A metric of every pod.', {
  metric: req(1, MetricIdentifier, 'The metric.'),
  target: req(2, MetricTarget, 'Value wanted.'),
});
export type PodsMetricSource = TypeOf<typeof PodsMetricSource>;

export const ResourceMetricSource = obj('ResourceMetricSource', 'A resource used by the pods.', {
  name: req(1, str, 'The resource.'),
  target: req(2, MetricTarget, 'Value wanted.'),
});
export type ResourceMetricSource = TypeOf<typeof ResourceMetricSource>;

export const ContainerResourceMetricSource = obj(
  'ContainerResourceMetricSource',
  'A resource used by one container of the pods.',
  {
    name: req(1, str, 'The resource.'),
    target: req(2, MetricTarget, 'Value wanted.'),
    container: req(3, str, 'The container.'),
  },
);
export type ContainerResourceMetricSource = TypeOf<typeof ContainerResourceMetricSource>;

export const ExternalMetricSource = obj('ExternalMetricSource', 'A metric from outside the cluster.', {
  metric: req(1, MetricIdentifier, 'The metric.'),
  target: req(2, MetricTarget, 'Value wanted.'),
});
export type ExternalMetricSource = TypeOf<typeof ExternalMetricSource>;

export const MetricSpec = obj('MetricSpec', 'A metric to go by; the field that belongs to the type is set.', {
  type: req(1, oneOf('ContainerResource', 'External', 'Object', 'Pods', 'Resource'), 'Which field is set.'),
  object: f(2, ObjectMetricSource, 'A metric of one object.'),
  pods: f(3, PodsMetricSource, 'A metric of every pod.'),
  resource: f(4, ResourceMetricSource, 'A resource used by the pods.'),
  containerResource: f(7, ContainerResourceMetricSource, 'A resource used by one container of the pods.'),
  external: f(5, ExternalMetricSource, 'A metric from outside the cluster.'),
});
export type MetricSpec = TypeOf<typeof MetricSpec>;

export const ObjectMetricStatus = obj('ObjectMetricStatus', 'A metric of one object.', {
  metric: req(1, MetricIdentifier, 'The metric.'),
  current: req(2, MetricValueStatus, 'Its value.'),
  describedObject: req(3, CrossVersionObjectReference, 'The object.'),
});
export type ObjectMetricStatus = TypeOf<typeof ObjectMetricStatus>;

export const PodsMetricStatus = obj('PodsMetricStatus', 'A metric of every pod.', {
  metric: req(1, MetricIdentifier, 'The metric.'),
  current: req(2, MetricValueStatus, 'Its value.'),
});
export type PodsMetricStatus = TypeOf<typeof PodsMetricStatus>;

export const ResourceMetricStatus = obj('ResourceMetricStatus', 'A resource used by the pods.', {
  name: req(1, str, 'The resource.'),
  current: req(2, MetricValueStatus, 'Its value.'),
});
export type ResourceMetricStatus = TypeOf<typeof ResourceMetricStatus>;

export const ContainerResourceMetricStatus = obj(
  'ContainerResourceMetricStatus',
  'A resource used by one container of the pods.',
  {
    name: req(1, str, 'The resource.'),
    current: req(2, MetricValueStatus, 'Its value.'),
    container: req(3, str, 'The container.'),
  },
);
export type ContainerResourceMetricStatus = TypeOf<typeof ContainerResourceMetricStatus>;

export const ExternalMetricStatus = obj('ExternalMetricStatus', 'A metric from outside the cluster.', {
  metric: req(1, MetricIdentifier, 'The metric.'),
  current: req(2, MetricValueStatus, 'Its value.'),
});
export type ExternalMetricStatus = TypeOf<typeof ExternalMetricStatus>;

export const MetricStatus = obj('MetricStatus', 'A metric as last read; the field that belongs to the type is set.', {
  type: req(1, oneOf('ContainerResource', 'External', 'Object', 'Pods', 'Resource'), 'Which field is set.'),
  object: f(2, ObjectMetricStatus, 'A metric of one object.'),
  pods: f(3, PodsMetricStatus, 'A metric of every pod.'),
  resource: f(4, ResourceMetricStatus, 'A resource used by the pods.'),
  containerResource: f(7, ContainerResourceMetricStatus, 'A resource used by one container of the pods.'),
  external: f(5, ExternalMetricStatus, 'A metric from outside the cluster.'),
});
export type MetricStatus = TypeOf<typeof MetricStatus>;
