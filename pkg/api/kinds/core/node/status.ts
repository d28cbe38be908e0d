import {
  arr,
  bool,
  f,
  int32,
  int64,
  mapList,
  objectsIn,
  oneOf,
  req,
  str,
  type TypeOf,
  time,
} from '../../../schema/schema.ts';
import { ConditionStatus, ResourceList } from '../values.ts';
import { NodeConfigSource } from './spec.ts';

const obj = objectsIn('io.k8s.api.core.v1');

export const NodeCondition = obj('NodeCondition', "One aspect of a node's state.", {
  type: req(1, str, 'The aspect, e.g. Ready.'),
  status: req(2, ConditionStatus, 'True, False or Unknown.'),
  lastHeartbeatTime: f(3, time, 'When it was last reported.'),
  lastTransitionTime: f(4, time, 'When the status last changed.'),
  reason: f(5, str, 'Short reason, in CamelCase.'),
  message: f(6, str, 'Explanation for people.'),
});
export type NodeCondition = TypeOf<typeof NodeCondition>;

export const NodeAddress = obj('NodeAddress', 'An address of a node.', {
  type: req(1, str, 'What kind of address.'),
  address: req(2, str, 'The address.'),
});
export type NodeAddress = TypeOf<typeof NodeAddress>;

export const DaemonEndpoint = obj('DaemonEndpoint', 'A port of a daemon.', {
  Port: req(1, int32, 'The port.'),
});
export type DaemonEndpoint = TypeOf<typeof DaemonEndpoint>;

export const NodeDaemonEndpoints = obj('NodeDaemonEndpoints', "Ports of the node's daemons.", {
  kubeletEndpoint: f(1, DaemonEndpoint, 'Port of the node agent.', { default: {} }),
});
export type NodeDaemonEndpoints = TypeOf<typeof NodeDaemonEndpoints>;

export const NodeSwapStatus = obj('NodeSwapStatus', 'Swap of a node.', {
  capacity: f(1, int64, 'Bytes of swap.', { ptr: true }),
});
export type NodeSwapStatus = TypeOf<typeof NodeSwapStatus>;

export const NodeSystemInfo = obj('NodeSystemInfo', 'Machine and software of a node.', {
  machineID: req(1, str, 'Id of the machine.'),
  systemUUID: req(2, str, 'UUID of the system.'),
  bootID: req(3, str, 'Changes on every boot.'),
  kernelVersion: req(4, str, 'Kernel version.'),
  osImage: req(5, str, 'Name of the operating system.'),
  containerRuntimeVersion: req(6, str, 'Runtime and version, `docker://…`.'),
  kubeletVersion: req(7, str, 'Version of the agent.'),
  kubeProxyVersion: req(8, str, 'Version of the proxy (deprecated).'),
  operatingSystem: req(9, str, 'Operating system family.'),
  architecture: req(10, str, 'CPU architecture.'),
  swap: f(11, NodeSwapStatus, 'Swap of the node.'),
});
export type NodeSystemInfo = TypeOf<typeof NodeSystemInfo>;

export const ContainerImage = obj('ContainerImage', 'An image present on a node.', {
  names: req(1, arr(str), 'Names of the image.'),
  sizeBytes: f(2, int64, 'Size in bytes.'),
});
export type ContainerImage = TypeOf<typeof ContainerImage>;

export const AttachedVolume = obj('AttachedVolume', 'A volume attached to a node.', {
  name: req(1, str, 'Name of the volume.'),
  devicePath: req(2, str, 'Device it appears as.'),
});
export type AttachedVolume = TypeOf<typeof AttachedVolume>;

export const NodeConfigStatus = obj('NodeConfigStatus', 'Unused; kept so that old clients can decode it.', {
  assigned: f(1, NodeConfigSource, 'Unused.'),
  active: f(2, NodeConfigSource, 'Unused.'),
  lastKnownGood: f(3, NodeConfigSource, 'Unused.'),
  error: f(4, str, 'Unused.'),
});
export type NodeConfigStatus = TypeOf<typeof NodeConfigStatus>;

export const NodeRuntimeHandlerFeatures = obj('NodeRuntimeHandlerFeatures', 'What a runtime handler can do.', {
  recursiveReadOnlyMounts: f(1, bool, 'Recursive read-only mounts.', { ptr: true }),
  userNamespaces: f(2, bool, 'User namespaces.', { ptr: true }),
});
export type NodeRuntimeHandlerFeatures = TypeOf<typeof NodeRuntimeHandlerFeatures>;

export const NodeRuntimeHandler = obj('NodeRuntimeHandler', 'A runtime handler of a node.', {
  name: req(1, str, 'Its name; empty for the default.'),
  features: f(2, NodeRuntimeHandlerFeatures, 'What it can do.'),
});
export type NodeRuntimeHandler = TypeOf<typeof NodeRuntimeHandler>;

export const NodeFeatures = obj('NodeFeatures', 'What the runtime of a node can do.', {
  supplementalGroupsPolicy: f(1, bool, 'SupplementalGroupsPolicy is honoured.', { ptr: true }),
});
export type NodeFeatures = TypeOf<typeof NodeFeatures>;

export const NodeStatus = obj('NodeStatus', "What a node's agent reports.", {
  capacity: f(1, ResourceList, 'Resources of the machine.'),
  allocatable: f(2, ResourceList, 'Resources pods may use.'),
  phase: f(3, oneOf('Pending', 'Running', 'Terminated'), 'Unused.'),
  conditions: f(4, mapList(NodeCondition, 'type'), 'Aspects of its state.'),
  addresses: f(5, mapList(NodeAddress, 'type'), 'Its addresses.'),
  daemonEndpoints: f(6, NodeDaemonEndpoints, 'Ports of its daemons.', { default: {} }),
  nodeInfo: f(7, NodeSystemInfo, 'Machine and software.', { default: {} }),
  images: f(8, arr(ContainerImage), 'Images present.'),
  volumesInUse: f(9, arr(str), 'Volumes mounted here.'),
  volumesAttached: f(10, arr(AttachedVolume), 'Volumes attached here.'),
  config: f(11, NodeConfigStatus, 'Unused.'),
  runtimeHandlers: f(12, arr(NodeRuntimeHandler), 'Runtime handlers.'),
  features: f(13, NodeFeatures, 'What its runtime can do.'),
});
export type NodeStatus = TypeOf<typeof NodeStatus>;
