import { Condition } from '../../../meta/condition.ts';
import {
  arr,
  bool,
  f,
  int32,
  intOrString,
  map,
  mapList,
  objectsIn,
  oneOf,
  req,
  str,
  type TypeOf,
} from '../../../schema/schema.ts';
import { IPFamily, Protocol } from '../values.ts';

const obj = objectsIn('io.k8s.api.core.v1');

export const ServicePort = obj('ServicePort', 'A port of a service.', {
  name: f(1, str, 'Name, needed when there are several ports.'),
  protocol: f(2, Protocol, 'Transport protocol.', { default: 'TCP' }),
  appProtocol: f(6, str, 'Protocol spoken over it, as a hint.', { ptr: true }),
  port: req(3, int32, 'Port of the service.'),
  targetPort: f(4, intOrString, 'Port number or name in the pods; port by default.'),
  nodePort: f(5, int32, 'Port on every node.'),
});
export type ServicePort = TypeOf<typeof ServicePort>;

export const ClientIPConfig = obj('ClientIPConfig', 'Settings of affinity by client address.', {
  timeoutSeconds: f(1, int32, 'Seconds a client keeps its pod.', { ptr: true }),
});
export type ClientIPConfig = TypeOf<typeof ClientIPConfig>;

export const SessionAffinityConfig = obj('SessionAffinityConfig', 'Settings of session affinity.', {
  clientIP: f(1, ClientIPConfig, 'By client address.'),
});
export type SessionAffinityConfig = TypeOf<typeof SessionAffinityConfig>;

export const ServiceSpec = obj('ServiceSpec', 'How a service shall work.', {
  ports: f(1, mapList(ServicePort, 'port', ['port', 'protocol']), 'Its ports.'),
  selector: f(2, map(str, 'atomic'), 'Labels of the pods behind it; absent when endpoints are kept by someone else.'),
  clusterIP: f(3, str, 'Its address; None for a headless one.'),
  clusterIPs: f(18, arr(str), 'All its addresses, the first equal to clusterIP.'),
  type: f(4, oneOf('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'), 'How it is reached from outside.', {
    default: 'ClusterIP',
  }),
  externalIPs: f(5, arr(str), 'Further addresses nodes accept traffic for.'),
  sessionAffinity: f(7, oneOf('ClientIP', 'None'), 'Whether a client keeps its pod.', { default: 'None' }),
  loadBalancerIP: f(8, str, 'Wanted address of the load balancer (deprecated).'),
  loadBalancerSourceRanges: f(9, arr(str), 'Client networks the load balancer lets in.'),
  externalName: f(10, str, 'Name that an ExternalName service stands for.'),
  externalTrafficPolicy: f(11, oneOf('Cluster', 'Local'), 'Whether outside traffic stays on the node it arrives at.'),
  healthCheckNodePort: f(12, int32, 'Port on which nodes tell the load balancer whether they have pods.'),
  publishNotReadyAddresses: f(13, bool, 'Publish pods that are not ready, too.'),
  sessionAffinityConfig: f(14, SessionAffinityConfig, 'Settings of session affinity.'),
  ipFamilies: f(19, arr(IPFamily), 'Address families.'),
  ipFamilyPolicy: f(17, oneOf('SingleStack', 'PreferDualStack', 'RequireDualStack'), 'One or two address families.', {
    ptr: true,
  }),
  allocateLoadBalancerNodePorts: f(20, bool, 'Whether a load balancer service gets node ports.', { ptr: true }),
  loadBalancerClass: f(21, str, 'Which load balancer implementation serves it.', { ptr: true }),
  internalTrafficPolicy: f(22, oneOf('Cluster', 'Local'), 'Whether inside traffic stays on the node it comes from.', {
    ptr: true,
  }),
  trafficDistribution: f(23, str, 'Preference in choosing pods, e.g. PreferClose.', { ptr: true }),
});
export type ServiceSpec = TypeOf<typeof ServiceSpec>;

export const PortStatus = obj('PortStatus', 'State of one load balancer port.', {
  port: req(1, int32, 'The port.'),
  protocol: req(2, Protocol, 'Its protocol.'),
  error: f(3, str, 'What is wrong with it.', { ptr: true }),
});
export type PortStatus = TypeOf<typeof PortStatus>;

export const LoadBalancerIngress = obj('LoadBalancerIngress', 'An entry point of a load balancer.', {
  ip: f(1, str, 'Its address.'),
  hostname: f(2, str, 'Its name.'),
  ipMode: f(3, str, "Whether traffic arrives with the entry's address.", { ptr: true }),
  ports: f(4, arr(PortStatus), 'State of its ports.'),
});
export type LoadBalancerIngress = TypeOf<typeof LoadBalancerIngress>;

export const LoadBalancerStatus = obj('LoadBalancerStatus', 'Entry points of a load balancer.', {
  ingress: f(1, arr(LoadBalancerIngress), 'The entry points.'),
});
export type LoadBalancerStatus = TypeOf<typeof LoadBalancerStatus>;

export const ServiceStatus = obj('ServiceStatus', "What a service's load balancer reports.", {
  loadBalancer: f(1, LoadBalancerStatus, 'Its entry points.', { default: {} }),
  conditions: f(2, mapList(Condition, 'type'), 'Aspects of its state.'),
});
export type ServiceStatus = TypeOf<typeof ServiceStatus>;
