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
import { ConditionStatus, RecursiveReadOnlyMode, ResourceList } from '../values.ts';
import { ResourceRequirements } from './resources.ts';

const obj = objectsIn('io.k8s.api.core.v1');

export const ContainerStateWaiting = obj('ContainerStateWaiting', 'A container that does not run yet.', {
  reason: f(1, str, 'Short reason, e.g. ImagePullBackOff.'),
  message: f(2, str, 'Explanation for people.'),
});
export type ContainerStateWaiting = TypeOf<typeof ContainerStateWaiting>;

export const ContainerStateRunning = obj('ContainerStateRunning', 'A running container.', {
  startedAt: f(1, time, 'When it was last started.'),
});
export type ContainerStateRunning = TypeOf<typeof ContainerStateRunning>;

export const ContainerStateTerminated = obj('ContainerStateTerminated', 'A container that has ended.', {
  exitCode: req(1, int32, 'Exit code of the main process.'),
  signal: f(2, int32, 'Signal that ended it.'),
  reason: f(3, str, 'Short reason, e.g. OOMKilled.'),
  message: f(4, str, 'Explanation for people.'),
  startedAt: f(5, time, 'When it was started.'),
  finishedAt: f(6, time, 'When it ended.'),
  containerID: f(7, str, 'Its id in the runtime, `docker://…`.'),
});
export type ContainerStateTerminated = TypeOf<typeof ContainerStateTerminated>;

export const ContainerState = obj('ContainerState', 'What a container is doing; one of the fields is set.', {
  waiting: f(1, ContainerStateWaiting, 'It does not run yet.'),
  running: f(2, ContainerStateRunning, 'It runs.'),
  terminated: f(3, ContainerStateTerminated, 'It has ended.'),
});
export type ContainerState = TypeOf<typeof ContainerState>;

export const LinuxContainerUser = obj('LinuxContainerUser', "User of a container's first process.", {
  uid: req(1, int64, 'UID.'),
  gid: req(2, int64, 'Primary GID.'),
  supplementalGroups: f(3, arr(int64), 'Further groups.'),
});
export type LinuxContainerUser = TypeOf<typeof LinuxContainerUser>;

export const ContainerUser = obj('ContainerUser', "User of a container's first process.", {
  linux: f(1, LinuxContainerUser, 'On Linux.'),
});
export type ContainerUser = TypeOf<typeof ContainerUser>;

export const VolumeMountStatus = obj('VolumeMountStatus', 'How a volume was mounted.', {
  name: req(1, str, 'Name of the volume.'),
  mountPath: req(2, str, 'Where it is mounted.'),
  readOnly: f(3, bool, 'Whether it is read-only.'),
  recursiveReadOnly: f(4, RecursiveReadOnlyMode, 'Whether mounts below are read-only too.', { ptr: true }),
});
export type VolumeMountStatus = TypeOf<typeof VolumeMountStatus>;

export const ResourceHealth = obj('ResourceHealth', 'Health of one allocated device.', {
  resourceID: req(1, str, 'Identifies the device.'),
  health: f(2, str, 'Its health.'),
});
export type ResourceHealth = TypeOf<typeof ResourceHealth>;

export const ResourceStatus = obj('ResourceStatus', 'Health of the devices behind one resource.', {
  name: req(1, str, 'Name of the resource.'),
  resources: f(2, arr(ResourceHealth, { listType: 'map', mapKeys: ['resourceID'] }), 'The devices.'),
});
export type ResourceStatus = TypeOf<typeof ResourceStatus>;

export const ContainerStatus = obj('ContainerStatus', 'What is known of one container.', {
  name: req(1, str, 'Name of the container.'),
  state: f(2, ContainerState, 'What it is doing.'),
  lastState: f(3, ContainerState, 'How it ended the last time.'),
  ready: req(4, bool, 'Whether it passes its readiness probe.'),
  restartCount: req(5, int32, 'How often it was restarted.'),
  image: req(6, str, 'Image it runs.'),
  imageID: req(7, str, 'Digest of that image.'),
  containerID: f(8, str, 'Its id in the runtime, `docker://…`.'),
  started: f(9, bool, 'Whether its startup probe has passed.', { ptr: true }),
  allocatedResources: f(10, ResourceList, 'Resources set aside for it.'),
  resources: f(11, ResourceRequirements, 'Requests and limits in force.'),
  volumeMounts: f(12, mapList(VolumeMountStatus, 'mountPath'), 'How its volumes were mounted.'),
  user: f(13, ContainerUser, 'User of its first process.'),
  allocatedResourcesStatus: f(14, mapList(ResourceStatus, 'name'), 'Health of its devices.'),
  stopSignal: f(15, str, 'Signal that stops it.', { ptr: true }),
});
export type ContainerStatus = TypeOf<typeof ContainerStatus>;

export const PodCondition = obj('PodCondition', "One aspect of a pod's state.", {
  type: req(1, str, 'The aspect, e.g. Ready.'),
  observedGeneration: f(7, int64, 'Generation of the pod this condition was computed for.'),
  status: req(2, ConditionStatus, 'True, False or Unknown.'),
  lastProbeTime: f(3, time, 'When it was last checked.'),
  lastTransitionTime: f(4, time, 'When the status last changed.'),
  reason: f(5, str, 'Short reason, in CamelCase.'),
  message: f(6, str, 'Explanation for people.'),
});
export type PodCondition = TypeOf<typeof PodCondition>;

export const HostIP = obj('HostIP', 'An address of the node.', {
  ip: req(1, str, 'The address.'),
});
export type HostIP = TypeOf<typeof HostIP>;

export const PodIP = obj('PodIP', 'An address of the pod.', {
  ip: req(1, str, 'The address.'),
});
export type PodIP = TypeOf<typeof PodIP>;

export const PodResourceClaimStatus = obj('PodResourceClaimStatus', 'The claim made for an entry of resourceClaims.', {
  name: req(1, str, 'Name of the entry.'),
  resourceClaimName: f(2, str, 'Name of the claim.', { ptr: true }),
});
export type PodResourceClaimStatus = TypeOf<typeof PodResourceClaimStatus>;

export const PodStatus = obj('PodStatus', "What is known of a pod, mostly written by its node's agent.", {
  observedGeneration: f(17, int64, 'Generation of the pod this status was computed for.'),
  phase: f(1, oneOf('Pending', 'Running', 'Succeeded', 'Failed', 'Unknown'), 'Where the pod is in its life.'),
  conditions: f(2, mapList(PodCondition, 'type'), 'Aspects of its state.'),
  message: f(3, str, 'Why it is in this state, for people.'),
  reason: f(4, str, 'Short reason, e.g. Evicted.'),
  nominatedNodeName: f(11, str, 'Node on which others are evicted to make room.'),
  hostIP: f(5, str, 'Address of its node.'),
  hostIPs: f(16, arr(HostIP, { mergeKey: 'ip', patchStrategy: 'merge' }), 'All addresses of its node.'),
  podIP: f(6, str, 'Its address.'),
  podIPs: f(12, mapList(PodIP, 'ip'), 'All its addresses.'),
  startTime: f(7, time, 'When the agent took note of it.'),
  initContainerStatuses: f(10, arr(ContainerStatus), 'State of the init containers.'),
  containerStatuses: f(8, arr(ContainerStatus), 'State of the containers.'),
  qosClass: f(9, oneOf('Guaranteed', 'Burstable', 'BestEffort'), 'Quality of service, from its requests and limits.'),
  ephemeralContainerStatuses: f(13, arr(ContainerStatus), 'State of the debugging containers.'),
  resize: f(14, str, 'State of a resize of its resources (deprecated).'),
  resourceClaimStatuses: f(
    15,
    arr(PodResourceClaimStatus, {
      listType: 'map',
      mapKeys: ['name'],
      mergeKey: 'name',
      patchStrategy: 'merge,retainKeys',
    }),
    'Claims made for it.',
  ),
});
export type PodStatus = TypeOf<typeof PodStatus>;
