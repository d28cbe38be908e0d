import { rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  Client,
  credentials,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { waitFor } from '../../bed/wait.ts';

/** The part of the device plugin API (v1beta1) that a plugin needs, written down apart from the agent's own. */
const { root } = protobuf.parse(`
syntax = "proto3";
package v1beta1;
message Empty {}
message Options { bool pre_start_required = 1; bool get_preferred_allocation_available = 2; }
message Register { string version = 1; string endpoint = 2; string resource_name = 3; Options options = 4; }
message Device { string ID = 1; string health = 2; }
message Devices { repeated Device devices = 1; }
message Ids { repeated string devices_ids = 1; }
message Allocate { repeated Ids container_requests = 1; }
message Mount { string container_path = 1; string host_path = 2; bool read_only = 3; }
message Spec { string container_path = 1; string host_path = 2; string permissions = 3; }
message Granted {
  map<string, string> envs = 1;
  repeated Mount mounts = 2;
  repeated Spec devices = 3;
  map<string, string> annotations = 4;
}
message Allocated { repeated Granted container_responses = 1; }
message Wish { repeated string available = 1; repeated string must_include = 2; int32 size = 3; }
message Wishes { repeated Wish container_requests = 1; }
message Preferred { repeated Ids container_responses = 1; }
`);

type Message = Record<string, unknown>;

function method(service: string, name: string, request: string, response: string): MethodDefinition<Message, Message> {
  const [asked, answered] = [request, response].map((type) => root.lookupType(`v1beta1.${type}`));
  const serialize = (t: protobuf.Type | undefined) => (m: Message) =>
    Buffer.from(t?.encode(t.create(m)).finish() ?? []);
  const deserialize = (t: protobuf.Type | undefined) => (b: Buffer) => t?.toObject(t.decode(b)) as Message;
  return {
    path: `/v1beta1.${service}/${name}`,
    requestStream: false,
    responseStream: name === 'ListAndWatch',
    requestSerialize: serialize(asked),
    requestDeserialize: deserialize(asked),
    responseSerialize: serialize(answered),
    responseDeserialize: deserialize(answered),
  };
}

const REGISTER = method('Registration', 'Register', 'Register', 'Empty');
const SERVICE = {
  ListAndWatch: method('DevicePlugin', 'ListAndWatch', 'Empty', 'Devices'),
  Allocate: method('DevicePlugin', 'Allocate', 'Allocate', 'Allocated'),
  PreStartContainer: method('DevicePlugin', 'PreStartContainer', 'Ids', 'Empty'),
  GetPreferredAllocation: method('DevicePlugin', 'GetPreferredAllocation', 'Wishes', 'Preferred'),
};

/** A device plugin as vendors write them, over gRPC's own library; its devices are all /dev/null. */
export class TestPlugin {
  readonly #dir: string;
  readonly #resource: string;
  readonly #mounted: string;
  readonly #watchers = new Set<ServerWritableStream<Message, Message>>();
  #server: Server | undefined;
  #devices: Record<string, 'Healthy' | 'Unhealthy'> = {};
  /** Devices that containers were about to start with. */
  readonly preStarted: string[][] = [];

  /** @param dir folder of sockets @param mounted a file that containers get as /offered */
  constructor(dir: string, resource: string, mounted: string) {
    this.#dir = dir;
    this.#resource = resource;
    this.#mounted = mounted;
  }

  get #endpoint(): string {
    return `${this.#resource.replace('/', '-')}.sock`;
  }

  /** Serves, and registers with the agent. */
  async start(): Promise<void> {
    const socket = join(this.#dir, this.#endpoint);
    rmSync(socket, { force: true });
    const server = new Server();
    server.addService(SERVICE, {
      ListAndWatch: (stream: ServerWritableStream<Message, Message>) => {
        this.#watchers.add(stream);
        stream.on('cancelled', () => this.#watchers.delete(stream));
        stream.write(this.#list());
      },
      Allocate: (call: { request: Message }, done: (e: null, m: Message) => void) => {
        const [asked] = call.request.containerRequests as { devicesIds: string[] }[];
        done(null, { containerResponses: [this.#granted(asked?.devicesIds ?? [])] });
      },
      PreStartContainer: (call: { request: Message }, done: (e: null, m: Message) => void) => {
        this.preStarted.push(call.request.devicesIds as string[]);
        done(null, {});
      },
      // The last ones first.
      GetPreferredAllocation: (call: { request: Message }, done: (e: null, m: Message) => void) => {
        const [wish] = call.request.containerRequests as { available: string[]; size: number }[];
        const devicesIds = [...(wish?.available ?? [])].sort().reverse().slice(0, wish?.size);
        done(null, { containerResponses: [{ devicesIds }] });
      },
    });
    await new Promise<void>((resolve, reject) =>
      server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (e) => (e ? reject(e) : resolve())),
    );
    this.#server = server;
    await waitFor('the agent takes the device plugin', () => this.register('v1beta1').then(() => true));
  }

  /** @throws Error as gRPC tells it */
  async register(version: string): Promise<void> {
    const client = new Client(`unix:${join(this.#dir, 'kubelet.sock')}`, credentials.createInsecure());
    const options = { preStartRequired: true, getPreferredAllocationAvailable: true };
    const message = { version, endpoint: this.#endpoint, resourceName: this.#resource, options };
    try {
      await new Promise<void>((resolve, reject) => {
        const { path, requestSerialize, responseDeserialize } = REGISTER;
        client.makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          message,
          { deadline: Date.now() + 30_000 },
          (e) => (e ? reject(e) : resolve()),
        );
      });
    } finally {
      client.close();
    }
  }

  /** What there is from now on. */
  offer(devices: Record<string, 'Healthy' | 'Unhealthy'>): void {
    this.#devices = devices;
    for (const w of this.#watchers) w.write(this.#list());
  }

  #list(): Message {
    return { devices: Object.entries(this.#devices).map(([ID, health]) => ({ ID, health })) };
  }

  #granted(ids: readonly string[]): Message {
    return {
      envs: { OFFERED: [...ids].sort().join(), SET_BY_BOTH: 'plugin' },
      mounts: [{ containerPath: '/offered', hostPath: this.#mounted, readOnly: true }],
      devices: ids.map((id) => ({ containerPath: `/dev/offered-${id}`, hostPath: '/dev/null', permissions: 'rw' })),
      annotations: { 'offered.example/ids': ids.join() },
    };
  }

  stop(): void {
    this.#server?.forceShutdown();
    this.#watchers.clear();
  }
}
