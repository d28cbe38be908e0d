import { type Pod, Pods } from '#api/kinds/index.ts';
import { isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import type { Client } from '#client/types.ts';
import type { Logger } from '#process/logger.ts';
import { portsOf } from '../pods/container-config.ts';
import { firstNetwork, type NetworkConfig, parseNetwork } from './config.ts';
import type { Attachment, CniPlugins } from './plugins.ts';
import { addressesOf, macOf } from './result.ts';
import { NETWORK_STATUS, NetworkAttachmentDefinitions, type Selection, selectionsOf } from './selection.ts';
import type { CniState, Made } from './state.ts';

export interface PluginNetworksDeps {
  readonly plugins: CniPlugins;
  readonly state: CniState;
  /** Folder of the configuration of the pods' first network; '': Docker makes that. */
  readonly confDir: string;
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Process that holds a sandbox; 0 when it is down. */
  readonly pidOf: (sandboxId: string) => Promise<number>;
  /** Called when there begins or ceases to be a configuration. */
  readonly changed: () => void;
}

interface Wanted {
  readonly network: NetworkConfig;
  readonly label: string;
  readonly ifName: string;
  readonly capabilities: Attachment['capabilities'];
}

const FIRST = 'eth0';
const CALL_MS = 10_000;
/** A configuration is put into its folder once in the life of a node, milliseconds. */
const LOOK_MS = 3_000;

/**
 * Networks of pods that CNI plugins make: the first one in place of Docker's, where the node has a folder with its
 * configuration, and those a pod asks for by annotation.
 */
export class PluginNetworks {
  readonly #d: PluginNetworksDeps;
  #problem: string | undefined;

  constructor(deps: PluginNetworksDeps) {
    this.#d = deps;
  }

  /** Do plugins make the first network of pods? */
  get first(): boolean {
    return this.#d.confDir !== '';
  }

  /** Why pods can have no network now. */
  get problem(): string | undefined {
    return this.#problem;
  }

  async start(): Promise<void> {
    await this.#d.state.load();
    await this.#look();
  }

  /** Watches for the configuration of the first network until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (this.first && !signal.aborted) {
      const before = this.#problem;
      await this.#look();
      if ((before === undefined) !== (this.#problem === undefined)) this.#d.changed();
      await this.#d.clock.sleep(LOOK_MS, signal).catch(() => {});
    }
  }

  async #look(): Promise<void> {
    if (!this.first) return;
    this.#problem = await firstNetwork(this.#d.confDir).then(
      () => undefined,
      (e: Error) => `network plugin is not ready: ${e.message}`,
    );
  }

  /**
   * Makes the interfaces a pod's sandbox lacks. What other sandboxes of the pod had is taken away first.
   * @returns its addresses in the first network, undefined when that is Docker's. @throws Error
   */
  async attach(pod: Stored<Pod>, sandboxId: string): Promise<string[] | undefined> {
    const { uid } = pod.metadata;
    const selections = selectionsOf(pod);
    if (!this.first && selections.length === 0) return undefined;
    await this.release(uid, sandboxId);
    let made = this.#d.state.get(sandboxId)?.made ?? [];
    if (made.length < selections.length + Number(this.first) || made.some((m) => !m.result)) {
      made = await this.#make(pod, sandboxId, selections);
      if (selections.length > 0) await this.#tell(pod, made);
    }
    const first = made.find((m) => m.attachment.ifName === FIRST)?.result;
    if (!this.first) return undefined;
    const addresses = first ? addressesOf(first) : [];
    if (addresses.length === 0) throw new Error('the network plugin gave the pod no address');
    return addresses;
  }

  async #make(pod: Stored<Pod>, sandboxId: string, selections: readonly Selection[]): Promise<readonly Made[]> {
    const { plugins, state } = this.#d;
    const podUid = pod.metadata.uid;
    const netns = await this.#netns(sandboxId);
    const before = state.get(sandboxId)?.made ?? [];
    // Nobody knows how far the plugins of these came.
    for (const m of before) if (!m.result) await plugins.del(m.network, { ...m.attachment, netns }, undefined);
    const made = before.filter((m) => m.result);
    for (const w of await this.#wanted(pod, selections)) {
      if (made.some((m) => m.attachment.ifName === w.ifName)) continue;
      const attachment = {
        containerId: sandboxId,
        ifName: w.ifName,
        args: argsOf(pod, sandboxId),
        capabilities: w.capabilities,
      };
      const begun: Made = { network: w.network, label: w.label, attachment };
      await state.put(sandboxId, { podUid, made: [...made, begun] });
      const result = await plugins.add(w.network, { ...attachment, netns });
      made.push({ ...begun, result });
      await state.put(sandboxId, { podUid, made });
    }
    return made;
  }

  async #netns(sandboxId: string): Promise<string> {
    const pid = await this.#d.pidOf(sandboxId).catch(() => 0);
    return pid > 0 ? `/proc/${pid}/ns/net` : '';
  }

  async #wanted(pod: Stored<Pod>, selections: readonly Selection[]): Promise<Wanted[]> {
    const wanted: Wanted[] = [];
    if (this.first) {
      const network = await firstNetwork(this.#d.confDir);
      const portMappings = portsOf(pod).map(({ hostIp, protocol, ...p }) => ({
        ...p,
        protocol: protocol.toLowerCase(),
        ...(hostIp ? { hostIP: hostIp } : {}),
      }));
      wanted.push({ network, label: network.name, ifName: FIRST, capabilities: { portMappings } });
    }
    for (const s of selections) wanted.push(await this.#selected(s));
    return wanted;
  }

  async #selected(s: Selection): Promise<Wanted> {
    const label = `${s.namespace}/${s.name}`;
    const read = this.#d.client.get(NetworkAttachmentDefinitions, s.name, s.namespace, { timeoutMs: CALL_MS });
    const { spec } = await read.catch((e: unknown) => {
      throw isNotFound(e) ? new Error(`there is no network-attachment-definition ${label}`, { cause: e }) : e;
    });
    const capabilities = { ...(s.ips ? { ips: s.ips } : {}), ...(s.mac ? { mac: s.mac } : {}) };
    try {
      return { network: parseNetwork(spec?.config ?? '', s.name), label, ifName: s.interface, capabilities };
    } catch (e) {
      throw new Error(`network-attachment-definition ${label}: its config ${(e as Error).message}`, { cause: e });
    }
  }

  /** Tells in the pod which interfaces it has. */
  async #tell(pod: Stored<Pod>, made: readonly Made[]): Promise<void> {
    const { name, namespace = '', uid } = pod.metadata;
    const status = made.map(({ label, attachment: { ifName }, result = {} }) => ({
      name: label,
      interface: ifName,
      ips: addressesOf(result),
      mac: macOf(result, ifName),
      default: ifName === FIRST,
      dns: result.dns ?? {},
    }));
    const annotations = { [NETWORK_STATUS]: JSON.stringify(status, null, 4) };
    const body = { metadata: { uid, annotations } };
    const target = { name, namespace, subresource: 'status' };
    // It is told for information: a pod that the API does not show, or not now, runs all the same.
    await this.#d.client.patch(Pods, target, { type: 'merge', body }, { timeoutMs: CALL_MS }).catch((err: unknown) => {
      this.#d.logger.warn({ err, pod: `${namespace}/${name}` }, 'the networks of a pod could not be told');
    });
  }

  /** Whether the interfaces of a sandbox are as they were made. @throws Error why not */
  async check(sandboxId: string): Promise<void> {
    const made = this.#d.state.get(sandboxId)?.made ?? [];
    if (made.length === 0) return;
    const netns = await this.#netns(sandboxId);
    for (const { network, attachment, result } of made) {
      if (result) await this.#d.plugins.check(network, { ...attachment, netns }, result);
    }
  }

  /** Takes the interfaces of a sandbox away, the last one first; harmless to repeat. @throws Error */
  async detach(sandboxId: string): Promise<void> {
    const { state, plugins } = this.#d;
    const { made } = state.get(sandboxId) ?? {};
    if (!made) return;
    const netns = await this.#netns(sandboxId);
    for (const { network, attachment, result } of made.toReversed()) {
      await plugins.del(network, { ...attachment, netns }, result);
    }
    await state.drop(sandboxId);
  }

  /** Takes away what sandboxes of a pod have, but for one. @throws Error */
  async release(podUid: string, keep?: string): Promise<void> {
    for (const [id, state] of this.#d.state.all) {
      if (state.podUid === podUid && id !== keep) await this.detach(id);
    }
  }

  /** Takes away what is left of sandboxes that are no longer there. */
  async collect(there: (sandboxId: string) => boolean): Promise<void> {
    for (const [id] of this.#d.state.all) {
      if (there(id)) continue;
      await this.detach(id).catch((err: unknown) =>
        this.#d.logger.warn({ err, sandbox: id }, 'what plugins made for a sandbox that is gone could not be removed'),
      );
    }
  }
}

const argsOf = (pod: Stored<Pod>, sandboxId: string): Record<string, string> => ({
  IgnoreUnknown: '1',
  K8S_POD_NAMESPACE: pod.metadata.namespace ?? '',
  K8S_POD_NAME: pod.metadata.name,
  K8S_POD_INFRA_CONTAINER_ID: sandboxId,
  K8S_POD_UID: pod.metadata.uid,
});
