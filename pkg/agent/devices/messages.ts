import { decodeMessage } from '#api/protobuf/decode.ts';
import { encodeMessage } from '#api/protobuf/encode.ts';
import { arr, bool, f, int32, map, type ObjectSchema, objectsIn, str, type TypeOf } from '#api/schema/schema.ts';

/** Messages of the device plugin API, v1beta1 ("Device Plugins", device plugin implementation). */
const obj = objectsIn('v1beta1');
const ids = (num: number) => f(num, arr(str), 'Identifiers of devices, as the plugin gave them.');

export const Empty = obj('Empty', 'Nothing.', {});

export const DevicePluginOptions = obj('DevicePluginOptions', 'What a plugin can do.', {
  preStartRequired: f(1, bool, 'It wants to be called before a container with its devices starts.'),
  getPreferredAllocationAvailable: f(2, bool, 'It can be asked which devices go well together.'),
});
export type DevicePluginOptions = TypeOf<typeof DevicePluginOptions>;

export const RegisterRequest = obj('RegisterRequest', 'A plugin makes itself known.', {
  version: f(1, str, 'Of the API it speaks.'),
  endpoint: f(2, str, 'Name of its socket in the folder of plugins.'),
  resourceName: f(3, str, 'The resource it offers, vendor.example/resource.'),
  options: f(4, DevicePluginOptions, 'What it can do.'),
});
export type RegisterRequest = TypeOf<typeof RegisterRequest>;

const Device = obj('Device', 'A device of the node.', {
  ID: f(1, str, 'Unique among the devices of the resource.'),
  health: f(2, str, 'Healthy or Unhealthy.'),
});
export const ListAndWatchResponse = obj('ListAndWatchResponse', 'All devices there are now.', {
  devices: f(1, arr(Device), 'Each with its health.'),
});

export const PreStartContainerRequest = obj('PreStartContainerRequest', 'A container is about to start.', {
  devicesIDs: ids(1),
});

const ContainerPreference = obj('ContainerPreferredAllocationRequest', 'For one container.', {
  availableDeviceIDs: ids(1),
  mustIncludeDeviceIDs: ids(2),
  allocationSize: f(3, int32, 'How many are wanted, those that must be included among them.'),
});
export const PreferredAllocationRequest = obj('PreferredAllocationRequest', 'Which devices go well together?', {
  containerRequests: f(1, arr(ContainerPreference), 'One for each container.'),
});
const ContainerPreferred = obj('ContainerPreferredAllocationResponse', 'For one container.', { deviceIDs: ids(1) });
export const PreferredAllocationResponse = obj('PreferredAllocationResponse', 'These do.', {
  containerResponses: f(1, arr(ContainerPreferred), 'One for each request.'),
});

const ContainerAllocate = obj('ContainerAllocateRequest', 'For one container.', { devicesIDs: ids(1) });
export const AllocateRequest = obj('AllocateRequest', 'These devices are given away.', {
  containerRequests: f(1, arr(ContainerAllocate), 'One for each container.'),
});
const DeviceMount = obj('Mount', 'A file or folder of the node in the container.', {
  containerPath: f(1, str, 'There.'),
  hostPath: f(2, str, 'Here.'),
  readOnly: f(3, bool, 'It cannot be written.'),
});
const DeviceSpec = obj('DeviceSpec', 'A device node in the container.', {
  containerPath: f(1, str, 'There.'),
  hostPath: f(2, str, 'Here.'),
  permissions: f(3, str, 'What may be done with it: r, w, m (mknod).'),
});
const CdiDevice = obj('CDIDevice', 'A device the runtime knows by name.', {
  name: f(1, str, 'vendor.example/class=name'),
});
export const ContainerAllocateResponse = obj('ContainerAllocateResponse', 'What a container needs for its devices.', {
  envs: f(1, map(str), 'Environment variables.'),
  mounts: f(2, arr(DeviceMount), 'Mounts.'),
  devices: f(3, arr(DeviceSpec), 'Device nodes.'),
  annotations: f(4, map(str), 'Told to the runtime.'),
  cdiDevices: f(5, arr(CdiDevice), 'Container Device Interface.'),
});
export type ContainerAllocateResponse = TypeOf<typeof ContainerAllocateResponse>;
export const AllocateResponse = obj('AllocateResponse', 'What the containers need.', {
  containerResponses: f(1, arr(ContainerAllocateResponse), 'One for each request.'),
});

export const encode = <S extends ObjectSchema>(schema: S, message: TypeOf<S> & object): Buffer =>
  encodeMessage(schema, message);

/** @throws RangeError when the bytes are no such message */
export const decode = <S extends ObjectSchema>(schema: S, bytes: Uint8Array): TypeOf<S> =>
  decodeMessage(schema, bytes) as TypeOf<S>;
