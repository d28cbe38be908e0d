import { GrpcChannel } from '#grpc/client.ts';
import {
  AllocateRequest,
  AllocateResponse,
  type ContainerAllocateResponse,
  type DevicePluginOptions,
  decode,
  Empty,
  encode,
  ListAndWatchResponse,
  PreferredAllocationRequest,
  PreferredAllocationResponse,
  PreStartContainerRequest,
} from './messages.ts';

const SERVICE = '/v1beta1.DevicePlugin';
/** A plugin may have to reset its hardware, milliseconds. */
const CALL_MS = 30_000;
const HEALTHY = 'Healthy';

/** Devices by identifier, and whether each is healthy. */
export type Devices = ReadonlyMap<string, boolean>;

/** A device plugin that registered: its devices, as long as it tells of them. */
export class DevicePlugin {
  readonly options: DevicePluginOptions;
  readonly #channel: GrpcChannel;
  readonly #gone = new AbortController();

  constructor(socketPath: string, options: DevicePluginOptions) {
    this.options = options;
    this.#channel = new GrpcChannel(socketPath);
  }

  /** Hands its devices over whenever they change. Resolves or rejects when it tells no more of them. */
  watch(changed: (devices: Devices) => void): Promise<void> {
    return this.#channel.stream(`${SERVICE}/ListAndWatch`, encode(Empty, {}), this.#gone.signal, (message) => {
      const { devices = [] } = decode(ListAndWatchResponse, message);
      changed(new Map(devices.map((d) => [d.ID ?? '', d.health === HEALTHY])));
    });
  }

  /** What a container needs for these devices. @throws GrpcError */
  async allocate(ids: readonly string[]): Promise<ContainerAllocateResponse> {
    const request = encode(AllocateRequest, { containerRequests: [{ devicesIDs: [...ids] }] });
    const answer = decode(AllocateResponse, await this.#channel.unary(`${SERVICE}/Allocate`, request, CALL_MS));
    const [granted] = answer.containerResponses ?? [];
    if (!granted) throw new Error(`no containers in the allocation response`);
    return granted;
  }

  /** Which of the available devices it would give away. @throws GrpcError */
  async preferred(o: {
    readonly available: readonly string[];
    readonly mustInclude: readonly string[];
    readonly size: number;
  }): Promise<readonly string[]> {
    const one = {
      availableDeviceIDs: [...o.available],
      mustIncludeDeviceIDs: [...o.mustInclude],
      allocationSize: o.size,
    };
    const request = encode(PreferredAllocationRequest, { containerRequests: [one] });
    const answer = await this.#channel.unary(`${SERVICE}/GetPreferredAllocation`, request, CALL_MS);
    return decode(PreferredAllocationResponse, answer).containerResponses?.[0]?.deviceIDs ?? [];
  }

  /** Before a container with these devices starts. @throws GrpcError */
  async preStart(ids: readonly string[]): Promise<void> {
    const request = encode(PreStartContainerRequest, { devicesIDs: [...ids] });
    await this.#channel.unary(`${SERVICE}/PreStartContainer`, request, CALL_MS);
  }

  close(): void {
    this.#gone.abort();
    this.#channel.close();
  }
}
