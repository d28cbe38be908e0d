import { join } from 'node:path';
import type { Container, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Clock, Timer } from '#async/clock.ts';
import { createSemaphore } from '#async/semaphore.ts';
import type { Logger } from '#process/logger.ts';
import { type Allocation, type Allocations, readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { choiceOf, DeviceError, inOrder, settled, wantedBy } from './choice.ts';
import type { ContainerAllocateResponse, RegisterRequest } from './messages.ts';
import { DevicePlugin, type Devices } from './plugin.ts';
import { openRegistrar } from './registrar.ts';

export interface DeviceManagerDeps {
  /** Folder of the plugins' sockets, as this process sees it. */
  readonly dir: string;
  /** Where is written who has which device. */
  readonly file: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** UIDs of pods that may hold devices. */
  readonly alive: () => ReadonlySet<string>;
  /** Called when capacity or allocatable changed. */
  readonly changed: () => void;
}

/** Amounts of the resources that plugins offer. */
export interface DeviceAmounts {
  readonly capacity: Readonly<Record<string, string>>;
  readonly allocatable: Readonly<Record<string, string>>;
}

/** A plugin that is gone may be on its way back: so long its devices are still shown, as ones nobody can have. */
const FORGET_MS = 300_000;

interface Offer {
  plugin: DevicePlugin | undefined;
  devices: Devices;
  forget: Timer | undefined;
}

/**
 * Devices of this node ("Device Plugins"): plugins register and tell what they have; containers that ask for an extended
 * resource get devices of it when their pod comes to the node, and keep them until it is gone, also across restarts.
 */
export class DeviceManager {
  readonly #d: DeviceManagerDeps;
  readonly #offers = new Map<string, Offer>();
  #allocations: Allocations = new Map();
  /** One pod at a time, so that no device is given twice. */
  readonly #turn = createSemaphore(1);
  readonly #writing = createSemaphore(1);
  #close = (): void => {};

  constructor(deps: DeviceManagerDeps) {
    this.#d = deps;
  }

  /** Reads what was given away, and lets plugins register. A node without a place for their sockets has no devices. */
  async start(): Promise<void> {
    const { dir, file, logger } = this.#d;
    try {
      const { resources, allocations } = await readCheckpoint(file);
      this.#allocations = allocations;
      for (const r of resources) this.#offers.set(r, { plugin: undefined, devices: new Map(), forget: undefined });
    } catch (err) {
      logger.error({ err, file }, 'who has which device cannot be read: pods with devices lose them with a restart');
    }
    try {
      this.#close = await openRegistrar(dir, (request) => this.#registered(request));
    } catch (err) {
      logger.warn({ err, dir }, 'device plugins cannot register here');
    }
  }

  close(): void {
    this.#close();
    for (const { plugin, forget } of this.#offers.values()) {
      plugin?.close();
      forget?.cancel();
    }
  }

  get amounts(): DeviceAmounts {
    const capacity: Record<string, string> = {};
    const allocatable: Record<string, string> = {};
    for (const [resource, { devices }] of this.#offers) {
      capacity[resource] = String(devices.size);
      allocatable[resource] = String([...devices.values()].filter(Boolean).length);
    }
    return { capacity, allocatable };
  }

  #registered({ resourceName = '', endpoint = '', options = {} }: RegisterRequest): void {
    const { dir, logger } = this.#d;
    const plugin = new DevicePlugin(join(dir, endpoint), options);
    const before = this.#offers.get(resourceName);
    before?.plugin?.close();
    before?.forget?.cancel();
    const offer: Offer = { plugin, devices: before?.devices ?? new Map(), forget: undefined };
    this.#offers.set(resourceName, offer);
    logger.info({ resource: resourceName, endpoint }, 'a device plugin registered');
    this.#save().catch((err: unknown) => logger.error({ err }, 'the list of device plugins could not be written'));
    plugin
      .watch((devices) => this.#told(resourceName, offer, devices))
      .catch((err: unknown) => logger.warn({ err, resource: resourceName }, 'a device plugin went away'))
      .finally(() => this.#gone(resourceName, offer));
  }

  #told(resource: string, offer: Offer, devices: Devices): void {
    if (this.#offers.get(resource) !== offer) return;
    offer.devices = devices;
    this.#d.changed();
  }

  #gone(resource: string, offer: Offer): void {
    offer.plugin?.close();
    offer.plugin = undefined;
    if (this.#offers.get(resource) !== offer) return;
    offer.devices = new Map([...offer.devices.keys()].map((id) => [id, false]));
    offer.forget = this.#d.clock.after(FORGET_MS, () => this.#told(resource, offer, new Map()), { unref: true });
    this.#d.changed();
  }

  /** Gives a pod the devices it asks for, if it has not got them yet. @throws DeviceError why it cannot have them */
  async admit(pod: Stored<Pod>): Promise<void> {
    const { uid } = pod.metadata;
    const isDevice = (resource: string): boolean => this.#offers.has(resource);
    const wanting = inOrder(pod).filter(({ container }) => wantedBy(container, isDevice).size > 0);
    if (wanting.length === 0) return;
    await this.#turn.run(async () => {
      this.#prune(uid);
      const reusable = new Map<string, string[]>();
      try {
        for (const { container, passesOn } of wanting) {
          for (const [resource, count] of wantedBy(container, isDevice)) {
            const passed = reusable.get(resource) ?? [];
            const ids = await this.#allocate({ uid, container: container.name, resource, count, reusable: passed });
            reusable.set(
              resource,
              passesOn ? [...new Set([...passed, ...ids])] : passed.filter((i) => !ids.includes(i)),
            );
          }
        }
      } catch (e) {
        this.#allocations.delete(uid);
        throw e instanceof DeviceError ? e : new DeviceError((e as Error).message, { cause: e });
      }
      await this.#save();
    });
  }

  async #allocate(o: {
    readonly uid: string;
    readonly container: string;
    readonly resource: string;
    readonly count: number;
    readonly reusable: readonly string[];
  }): Promise<readonly string[]> {
    const { uid, container, resource, count, reusable } = o;
    const has = this.#allocations.get(uid)?.get(container)?.get(resource);
    if (has) return has.ids;
    const { devices = new Map(), plugin } = this.#offers.get(resource) ?? {};
    const choice = choiceOf({ resource, devices, taken: this.#taken(resource), reusable }, count);
    if (!plugin) throw new DeviceError(`endpoint not found in cache for a registered resource: ${resource}`);
    const asks = plugin.options.getPreferredAllocationAvailable && choice.kept.length < count;
    const available = [...choice.kept, ...choice.free];
    const preferred = asks ? await plugin.preferred({ available, mustInclude: choice.kept, size: count }) : [];
    const ids = settled(choice, preferred);
    this.#note(uid, container, resource, { ids, granted: await plugin.allocate(ids) });
    return ids;
  }

  #note(uid: string, container: string, resource: string, allocation: Allocation): void {
    const pod = this.#allocations.get(uid) ?? new Map<string, Map<string, Allocation>>();
    const own = pod.get(container) ?? new Map<string, Allocation>();
    this.#allocations.set(uid, pod.set(container, own.set(resource, allocation)));
  }

  #taken(resource: string): Set<string> {
    const held = [...this.#allocations.values()].flatMap((pod) => [...pod.values()]);
    return new Set(held.flatMap((container) => container.get(resource)?.ids ?? []));
  }

  /** Takes back what pods had that are over; `uid` is on its way. */
  #prune(uid: string): void {
    const alive = this.#d.alive();
    for (const known of this.#allocations.keys()) {
      if (known !== uid && !alive.has(known)) this.#allocations.delete(known);
    }
  }

  /** What a container needs for its devices, one answer for each resource. */
  grantsOf(uid: string, c: Container): readonly ContainerAllocateResponse[] {
    return [...(this.#allocations.get(uid)?.get(c.name)?.values() ?? [])].map((a) => a.granted);
  }

  /** Lets the plugins that wish it prepare the devices of a container that is about to start. @throws DeviceError */
  async preStart(uid: string, c: Container): Promise<void> {
    for (const [resource, { ids }] of this.#allocations.get(uid)?.get(c.name) ?? []) {
      const plugin = this.#offers.get(resource)?.plugin;
      if (!plugin?.options.preStartRequired) continue;
      await plugin.preStart(ids).catch((e: Error) => {
        throw new DeviceError(`device plugin PreStartContainer rpc failed with err: ${e.message}`, { cause: e });
      });
    }
  }

  #save(): Promise<void> {
    return this.#writing.run(() =>
      writeCheckpoint(this.#d.file, { resources: [...this.#offers.keys()], allocations: this.#allocations }),
    );
  }
}
