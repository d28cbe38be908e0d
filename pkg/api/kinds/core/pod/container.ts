import { arr, bool, f, int32, mapList, objectsIn, oneOf, req, str, type TypeOf } from '../../../schema/schema.ts';
import { embed } from '../../embed.ts';
import { Protocol, PullPolicy, RecursiveReadOnlyMode } from '../values.ts';
import { EnvFromSource, EnvVar } from './env.ts';
import { Lifecycle, Probe } from './probes.ts';
import { ContainerResizePolicy, ResourceRequirements } from './resources.ts';
import { SecurityContext } from './security.ts';

const obj = objectsIn('io.k8s.api.core.v1');

export const ContainerPort = obj('ContainerPort', 'A port a container listens on.', {
  name: f(1, str, 'Name of the port, unique in the pod; services can refer to it.'),
  hostPort: f(2, int32, 'Port of the node that is forwarded here.'),
  containerPort: req(3, int32, 'The port number in the pod.'),
  protocol: f(4, Protocol, 'Transport protocol.', { default: 'TCP' }),
  hostIP: f(5, str, 'Address of the node the host port binds to.'),
});
export type ContainerPort = TypeOf<typeof ContainerPort>;

export const VolumeMount = obj('VolumeMount', "Puts a volume of the pod into the container's filesystem.", {
  name: req(1, str, 'Name of the volume.'),
  readOnly: f(2, bool, 'Mount it read-only.'),
  recursiveReadOnly: f(7, RecursiveReadOnlyMode, 'Whether mounts below are read-only too.', { ptr: true }),
  mountPath: req(3, str, 'Where to mount it.'),
  subPath: f(4, str, 'Path inside the volume to mount instead of its root.'),
  mountPropagation: f(
    5,
    oneOf('None', 'HostToContainer', 'Bidirectional'),
    'Whether later mounts pass between host and container.',
    { ptr: true },
  ),
  subPathExpr: f(6, str, 'Like subPath, with $(NAME) expanded from the environment.'),
});
export type VolumeMount = TypeOf<typeof VolumeMount>;

export const VolumeDevice = obj('VolumeDevice', 'Gives the container a raw block device.', {
  name: req(1, str, "Name of the pod's volume, backed by a claim."),
  devicePath: req(2, str, 'Path of the device in the container.'),
});
export type VolumeDevice = TypeOf<typeof VolumeDevice>;

export const Container = obj('Container', 'One container of a pod.', {
  name: req(1, str, 'Unique in the pod; cannot be changed.'),
  image: f(2, str, 'Image to run.'),
  command: f(3, arr(str), "Replaces the image's entry point; not run in a shell."),
  args: f(4, arr(str), "Replaces the image's command."),
  workingDir: f(5, str, "Working directory; the image's by default."),
  ports: f(
    6,
    mapList(ContainerPort, 'containerPort', ['containerPort', 'protocol']),
    'Ports the container listens on.',
  ),
  envFrom: f(19, arr(EnvFromSource), 'Objects whose entries become environment variables.'),
  env: f(7, mapList(EnvVar, 'name'), 'Environment variables.'),
  resources: f(8, ResourceRequirements, 'Compute resources asked for and allowed.', { default: {} }),
  resizePolicy: f(23, arr(ContainerResizePolicy), 'What a change of resources does to the container.'),
  restartPolicy: f(24, str, 'Only on init containers: Always makes it a sidecar.', { ptr: true }),
  volumeMounts: f(9, mapList(VolumeMount, 'mountPath'), "Volumes in the container's filesystem."),
  volumeDevices: f(21, mapList(VolumeDevice, 'devicePath'), 'Block devices in the container.'),
  livenessProbe: f(10, Probe, 'Restarts the container when it fails.'),
  readinessProbe: f(11, Probe, 'Takes the pod out of services while it fails.'),
  startupProbe: f(22, Probe, 'Holds back the other probes until it succeeds.'),
  lifecycle: f(12, Lifecycle, 'Hooks after start and before stop.'),
  terminationMessagePath: f(13, str, "File from which the end's message is read.", { default: '/dev/termination-log' }),
  terminationMessagePolicy: f(
    20,
    oneOf('File', 'FallbackToLogsOnError'),
    "Whether the log may serve as the end's message.",
    { default: 'File' },
  ),
  imagePullPolicy: f(14, PullPolicy, 'When to pull the image; IfNotPresent, or Always for the tag latest.'),
  securityContext: f(15, SecurityContext, 'Identity and privileges.'),
  stdin: f(16, bool, 'Keep standard input open.'),
  stdinOnce: f(17, bool, 'Close standard input after the first client leaves.'),
  tty: f(18, bool, 'Give the container a terminal.'),
});
export type Container = TypeOf<typeof Container>;

export const EphemeralContainerCommon = obj(
  'EphemeralContainerCommon',
  'The container part of a debugging container.',
  {
    name: req(1, str, 'Unique in the pod; cannot be changed.'),
    image: f(2, str, 'Image to run.'),
    command: f(3, arr(str), "Replaces the image's entry point; not run in a shell."),
    args: f(4, arr(str), "Replaces the image's command."),
    workingDir: f(5, str, "Working directory; the image's by default."),
    ports: f(6, mapList(ContainerPort, 'containerPort', ['containerPort', 'protocol']), 'Not allowed here.'),
    envFrom: f(19, arr(EnvFromSource), 'Objects whose entries become environment variables.'),
    env: f(7, mapList(EnvVar, 'name'), 'Environment variables.'),
    resources: f(8, ResourceRequirements, "Not allowed here: resources are fixed at the pod's start.", { default: {} }),
    resizePolicy: f(23, arr(ContainerResizePolicy), 'What a change of resources does to the container.'),
    restartPolicy: f(24, str, 'Not allowed here.', { ptr: true }),
    volumeMounts: f(9, mapList(VolumeMount, 'mountPath'), "Volumes in the container's filesystem."),
    volumeDevices: f(21, mapList(VolumeDevice, 'devicePath'), 'Block devices in the container.'),
    livenessProbe: f(10, Probe, 'Not allowed here.'),
    readinessProbe: f(11, Probe, 'Not allowed here.'),
    startupProbe: f(22, Probe, 'Not allowed here.'),
    lifecycle: f(12, Lifecycle, 'Not allowed here.'),
    terminationMessagePath: f(13, str, "File from which the end's message is read.", {
      default: '/dev/termination-log',
    }),
    terminationMessagePolicy: f(
      20,
      oneOf('File', 'FallbackToLogsOnError'),
      "Whether the log may serve as the end's message.",
      { default: 'File' },
    ),
    imagePullPolicy: f(14, PullPolicy, 'When to pull the image; IfNotPresent, or Always for the tag latest.'),
    securityContext: f(15, SecurityContext, 'Identity and privileges.'),
    stdin: f(16, bool, 'Keep standard input open.'),
    stdinOnce: f(17, bool, 'Close standard input after the first client leaves.'),
    tty: f(18, bool, 'Give the container a terminal.'),
  },
);
export type EphemeralContainerCommon = TypeOf<typeof EphemeralContainerCommon>;

export const EphemeralContainer = obj('EphemeralContainer', 'A container added to a running pod for debugging.', {
  ...embed(1, EphemeralContainerCommon),
  targetContainerName: f(2, str, 'Container whose process namespace it joins.'),
});
export type EphemeralContainer = TypeOf<typeof EphemeralContainer>;
