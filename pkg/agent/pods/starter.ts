import type { Container } from '#api/kinds/index.ts';
import { familyOf, otherFamily } from '#api/meta/ip.ts';
import { abortable } from '#async/signals.ts';
import { DeviceError } from '../devices/choice.ts';
import { ImageError } from '../images/images.ts';
import { isLinked } from '../runtime/docker-config.ts';
import { StartError } from '../runtime/types.ts';
import { VolumeError } from '../volumes/errors.ts';
import { appArmorOf } from './apparmor.ts';
import { asksImageUser, containerConfig, sandboxConfig } from './container-config.ts';
import { containerNamed } from './containers.ts';
import { buildEnv, ConfigError } from './env.ts';
import { writeEtcFiles } from './etc-files.ts';
import { runHook } from './hooks.ts';
import type { Start, Unhealthy } from './plan.ts';
import type { PodContext } from './pod-context.ts';
import { seccompOf } from './seccomp.ts';
import { serviceVariables } from './service-env.ts';
import { prepareMessage } from './termination-message.ts';

const RETRY_MS = 5_000;
/** A postStart hook may take as long as it likes; after this it counts as failed, milliseconds. */
const POST_START_LIMIT_MS = 3_600_000;

/** One address of each family, that of the node's primary family first. Pure. */
function primaryFirst(addresses: readonly string[], nodeIp: string): string[] {
  const primary = familyOf(nodeIp);
  return [primary, otherFamily(primary)].flatMap((f) => addresses.find((a) => familyOf(a) === f) ?? []);
}

/** Brings up the sandbox and the containers of one pod. */
export class Starter {
  readonly #pod: PodContext;
  readonly #pulling = new Set<string>();
  /** postStart hooks under way or failed, by record id. */
  #volumesFailed = false;
  readonly #hooks = new Map<string, 'running' | Unhealthy>();

  constructor(pod: PodContext) {
    this.#pod = pod;
  }

  pulling(container: string): boolean {
    return this.#pulling.has(container);
  }

  /** Whether the postStart hook of a running container is over. */
  hooked(recordId: string): boolean {
    return this.#hooks.get(recordId) !== 'running';
  }

  failedHook(recordId: string): Unhealthy | undefined {
    const state = this.#hooks.get(recordId);
    return state === 'running' ? undefined : state;
  }

  forget(recordId: string): void {
    this.#hooks.delete(recordId);
  }

  /** @returns false when the next look comes by a timer. */
  async sandbox(attempt: number): Promise<boolean> {
    const { deps } = this.#pod;
    try {
      await deps.devices.admit(this.#pod.pod);
      if (!this.#pod.pod.spec?.hostNetwork) await abortable(deps.networkReady(), this.#pod.ending);
      const made = deps.volumes.prepare(this.#pod.pod, this.#pod.place);
      // Side by side, unless it is known that the volumes take their time.
      if (this.#volumesFailed) await made;
      // Nothing is left running when one of them fails.
      const [paths, id] = await Promise.allSettled([made, this.#raise(attempt)]);
      if (id.status === 'rejected') throw id.reason;
      if (paths.status === 'rejected') {
        await this.remove(id.value);
        throw paths.reason;
      }
      this.#volumesFailed = false;
      this.#pod.paths = paths.value;
      return true;
    } catch (e) {
      if (this.#pod.ending.aborted) return true;
      const { message } = e as Error;
      if (e instanceof DeviceError) {
        const why = `Pod was rejected: Allocate failed due to ${message}, which is unexpected`;
        this.#pod.fail({ reason: 'UnexpectedAdmissionError', message: why });
        return true;
      }
      this.#volumesFailed = e instanceof VolumeError;
      if (this.#volumesFailed) this.#pod.event('Warning', 'FailedMount', message);
      else this.#pod.event('Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${message}`);
      deps.logger.warn({ err: e, pod: this.#pod.label }, 'the pod cannot be started yet');
      deps.again(this.#pod.uid, RETRY_MS);
      return false;
    }
  }

  /** Makes a sandbox and starts it. @returns its id */
  async #raise(attempt: number): Promise<string> {
    const { runtime, view, clock, dns, cgroups, userNamespaces } = this.#pod.deps;
    if (this.#pod.pod.spec?.hostUsers === false && !userNamespaces)
      throw new Error("can't set `spec.hostUsers: false`, runtime does not support user namespaces");
    const config = sandboxConfig(this.#pod.pod, attempt, dns.clusterDomain);
    const { networks, links } = this.#pod.deps;
    const addresses = config.hostNetwork || networks.first ? undefined : links?.take(this.#pod.uid, view.addresses());
    const linked = isLinked({ ...config, addresses });
    const asked = {
      ...{ ...config, addresses, empty: networks.first, cgroupParent: cgroups?.pathOf(this.#pod.pod) },
      sysctls: { ...(linked && links?.sysctls(addresses ?? [])), ...config.sysctls },
    };
    // Side by side: Docker looks for the cgroup only when it starts something in it.
    const [made, bounded] = await Promise.allSettled([runtime.createSandbox(asked), cgroups?.ensure(this.#pod.pod)]);
    if (made.status === 'rejected') throw made.reason;
    const id = made.value;
    const own = { name: '', attempt, hash: '', sandboxId: '', image: '' };
    view.note(this.#pod.record(id, { ...own, addresses: addresses ?? [], linked }));
    if (bounded.status === 'rejected') {
      await this.remove(id);
      throw bounded.reason;
    }
    await runtime.start(id);
    view.started(id, clock.now());
    try {
      await this.address(id);
    } catch (e) {
      await this.remove(id);
      throw e;
    }
    return id;
  }

  /** Finds out the addresses the sandbox was given. */
  async address(sandboxId: string): Promise<void> {
    const { deps, pod } = this.#pod;
    if (pod.spec?.hostNetwork) {
      this.#pod.podIps = deps.hostIps;
      return;
    }
    const linked = await this.#link(sandboxId);
    const own = (await deps.networks.attach(pod, sandboxId)) ?? linked;
    const found = own ?? (await deps.addressesOf(sandboxId));
    if (!own) deps.links?.note(this.#pod.uid, found);
    this.#pod.podIps = primaryFirst(found, deps.hostIps[0] ?? '');
    await deps.attached(pod, this.#pod.podIps);
  }

  /** @returns the addresses of a sandbox whose network we make */
  async #link(id: string): Promise<readonly string[] | undefined> {
    const { links, view, runtime } = this.#pod.deps;
    const { addresses = [], linked = false } = view.byId(id) ?? {};
    if (!links || !linked) return undefined;
    const pid = await runtime.pidOf(id);
    if (pid === 0) throw new Error('the pod sandbox ended while its network was being made');
    await links.attach(this.#pod.uid, { id, pid, addresses });
    return addresses;
  }

  async remove(id: string): Promise<void> {
    const { runtime, prober, view, networks, links, leaving } = this.#pod.deps;
    const ownNetwork = view.pod(this.#pod.uid).sandbox?.id === id && !this.#pod.pod.spec?.hostNetwork;
    await networks.detach(id);
    if (ownNetwork) await leaving(this.#pod.podIps);
    await runtime.remove(id);
    if (ownNetwork) links?.free(this.#pod.uid);
    prober.forget(id);
    this.forget(id);
    view.drop(id);
  }

  /** Starts them side by side. What cannot be started now waits, as `PodContext.restarts` and `pulling` tell the plan. */
  async all(starts: readonly Start[]): Promise<void> {
    await Promise.all(starts.map((s) => this.#one(s)));
  }

  async #one(start: Start): Promise<void> {
    const c = start.container;
    try {
      if (!(await this.#pod.deps.images.present(this.#pod.pod, c))) {
        this.#pull(c);
        return;
      }
      await Promise.all(start.obsolete.map((id) => this.remove(id)));
      await this.#run(c, start.attempt);
    } catch (e) {
      if (!this.#pod.ending.aborted) this.#failed(c, e as Error);
    }
  }

  /** In the background: nothing else about the pod waits for it, least of all its deletion. */
  #pull(c: Container): void {
    const { images, again } = this.#pod.deps;
    this.#pulling.add(c.name);
    this.#pod.restarts.clear(c.name);
    images
      .pull(this.#pod.pod, c, this.#pod.ending)
      .catch((e: Error) => {
        // Another image may be wanted by now.
        const wanted = containerNamed(this.#pod.pod, c.name)?.image === c.image;
        if (wanted && !this.#pod.ending.aborted) this.#failed(c, e);
      })
      .finally(() => {
        this.#pulling.delete(c.name);
        again(this.#pod.uid, 0);
      });
  }

  async #run(c: Container, attempt: number): Promise<void> {
    const { runtime, view, clock, cgroups } = this.#pod.deps;
    const id = await this.#create(c, attempt);
    this.#pod.event('Normal', 'Created', `Created container: ${c.name}`);
    try {
      await runtime.start(id);
    } catch (e) {
      if (!(e instanceof StartError)) throw e;
      // The attempt is over: back-off and restart policy decide from here on.
      this.#pod.event('Warning', 'Failed', `Error: ${e.message}`);
      view.failed(id, clock.now(), e);
      return;
    }
    await cgroups?.started(this.#pod.pod, id);
    if (c.lifecycle?.postStart) this.#postStart(c, id, c.lifecycle.postStart);
    view.started(id, clock.now());
    this.#pod.event('Normal', 'Started', `Started container ${c.name}`);
  }

  #postStart(container: Container, id: string, handler: NonNullable<NonNullable<Container['lifecycle']>['postStart']>) {
    this.#hooks.set(id, 'running');
    const { deps, uid } = this.#pod;
    runHook(this.#pod, { container, id, handler }, POST_START_LIMIT_MS)
      .then((r) => {
        if (this.#hooks.get(id) !== 'running') return;
        if (r.ok) this.#hooks.delete(id);
        else {
          this.#pod.event('Warning', 'FailedPostStartHook', `PostStartHook failed: ${r.message}`);
          this.#hooks.set(id, { reason: 'failed its PostStartHook' });
        }
        deps.again(uid, 0);
      })
      .catch((err: unknown) => deps.logger.error({ err, pod: this.#pod.label }, 'the postStart hook could not be run'));
  }

  async #create(c: Container, attempt: number): Promise<string> {
    const { deps, uid, pod } = this.#pod;
    const { runtime, view, volumes } = deps;
    const { sandbox, containers } = view.pod(uid);
    this.#pod.paths ??= await volumes.prepare(pod, this.#pod.place);
    await deps.devices.preStart(uid, c);
    const granted = deps.devices.grantsOf(uid, c);
    const env = await this.#env(c);
    const mounts = await volumes.mountsOf(pod, c, this.#pod.paths, env);
    const etc = await writeEtcFiles(volumes.podDir(uid), pod, this.#pod.podIps, deps.dns);
    const message = await prepareMessage(volumes.podDir(uid), c, attempt);
    const own = new Set(mounts.map((m) => m.target));
    const ephemeral = pod.spec?.ephemeralContainers?.find((e) => e.name === c.name);
    const config = containerConfig(pod, c, {
      sandboxId: sandbox?.id ?? '',
      attempt,
      env,
      granted,
      mounts: [...mounts, ...[...etc, message].filter((m) => !own.has(m.target))],
      nodeMemory: deps.nodeMemory,
      appArmor: deps.appArmor ? appArmorOf(pod, c) : '',
      seccomp: await seccompOf(pod, c, deps.seccompDir),
      imageUser: asksImageUser(pod, c) ? await runtime.imageUser(c.image ?? '') : undefined,
      pidOf: ephemeral?.targetContainerName ? containers.get(ephemeral.targetContainerName)?.[0]?.id : undefined,
    });
    const id = await runtime.createContainer({ ...config, cgroupParent: deps.cgroups?.pathOf(pod) });
    view.note(
      this.#pod.record(id, {
        name: c.name,
        attempt,
        hash: config.hash,
        image: config.image,
        sandboxId: config.sandboxId,
        limits: config.limits,
      }),
    );
    return id;
  }

  #env(c: Container): Promise<Map<string, string>> {
    const { deps, pod } = this.#pod;
    const namespace = pod.metadata.namespace ?? '';
    return buildEnv(pod, c, {
      configMap: (name) => deps.objects.configMap(namespace, name),
      secret: async (name) => {
        const data = await deps.objects.secret(namespace, name);
        return data && Object.fromEntries(Object.entries(data).map(([k, v]) => [k, v.toString()]));
      },
      ...this.#pod.place,
      services: serviceVariables(deps.services.list(), { namespace, links: pod.spec?.enableServiceLinks !== false }),
      allocatable: deps.node()?.status?.allocatable ?? {},
    });
  }

  /** Nothing came to be: the container waits, and its restarts are not counted. */
  #failed(c: Container, e: Error): void {
    const { restarts, deps } = this.#pod;
    const now = deps.clock.now();
    if (e instanceof ImageError) {
      restarts.wait(c.name, { reason: e.reason, message: e.message, until: now + e.retryMs });
      return;
    }
    const config = e instanceof ConfigError || e instanceof VolumeError || e instanceof DeviceError;
    const reason = config ? 'CreateContainerConfigError' : 'CreateContainerError';
    restarts.wait(c.name, { reason, message: e.message, until: now + RETRY_MS });
    this.#pod.event('Warning', 'Failed', `Error: ${e.message}`);
  }
}
