import { existsSync } from 'node:fs';
import { openPodCgroups, ownMountinfo, type PodCgroups } from '#agent/cgroups/pod-cgroups.ts';
import { gatherFacts, type NodeFacts } from '#agent/node/facts.ts';
import { type NodeCommand, ShutdownInhibitor } from '#agent/node/inhibitor.ts';
import { limitOf } from '#agent/node/shutdown.ts';
import { appArmorEnabled } from '#agent/pods/apparmor.ts';
import type { RuntimeInfo } from '#agent/runtime/types.ts';
import { NodeRoot } from '#agent/volumes/node-root.ts';
import { requireServer } from '#client/reachable.ts';
import { type Exec, systemExec } from '#process/exec.ts';
import { type MainContext, runMain, UserError } from '#process/main.ts';
import { addressesOf, type Base, baseOf, hostsOf } from './base.ts';
import { keepersOf } from './certificates.ts';
import { agentFlags, type Flags } from './flags.ts';
import { type Parts, partsOf, podsShare } from './parts.ts';
import { openPorts, type Ports } from './ports.ts';

const SYSTEMD_MS = 2_000;

function runtimeInfo({ f, runtime }: Base): Promise<RuntimeInfo> {
  return runtime.info().catch((e: Error) => {
    throw new UserError(`Docker does not answer at ${f.dockerHost}: ${e.message}`);
  });
}

/** An agent in a container may not see Docker's folder: then it looks at the disk of its own. */
function noteImageDir({ f, late, logger }: Base, { rootDir }: RuntimeInfo): void {
  const dir = new NodeRoot(f.hostRoot).at(rootDir);
  if (existsSync(dir)) late.imageDir = dir;
  else logger.warn({ dir }, "Docker's folder cannot be seen: what is left on its disk is not known");
}

function factsOf({ f, checked }: Base, info: RuntimeInfo): Promise<NodeFacts> {
  return gatherFacts(info, {
    name: f.nodeName,
    ips: addressesOf(f),
    port: f.port,
    labels: f.nodeLabels,
    maxPods: f.maxPods,
    rootDir: f.rootDir,
    reserved: [f.systemReserved, f.kubeReserved],
    thresholds: checked.thresholds,
    atNode: (path) => new NodeRoot(f.hostRoot).at(path),
  });
}

/** Programs of the node, for an agent in a container that shares its processes: in the mounts of process 1. */
const nodeCommand =
  ({ hostRoot }: Flags): NodeCommand =>
  (program, args) =>
    hostRoot === '/' ? [program, args] : ['nsenter', ['--target', '1', '--mount', '--', program, ...args]];

const nodeExec =
  (f: Flags): Exec =>
  (program, args, options) =>
    systemExec(...nodeCommand(f)(program, args), options);

async function cgroupsOf({ f, logger }: Base, info: RuntimeInfo): Promise<PodCgroups | undefined> {
  if (!f.cgroupsPerQos) return undefined;
  const made = await openPodCgroups({
    root: f.cgroupRoot,
    driver: info.cgroupDriver,
    logger,
    mountinfo: await ownMountinfo(),
    exec: nodeExec(f),
    podPidsLimit: f.podMaxPids,
  });
  if (made && f.enforceNodeAllocatable)
    await made
      .enforce(podsShare(f))
      .catch((err: unknown) => logger.warn({ err }, 'pods are not kept to what is left for them'));
  return made;
}

/** Runs the parts until the signal aborts or one of them fails. */
async function work(base: Base, parts: Parts, ports: Ports): Promise<void> {
  const { f, signal, logger, informers, networkInformers, pods, view } = base;
  const { volumes, devices, registration, network, networks, policies, services, manager, statics, eviction, imageGc } =
    parts;
  await Promise.all([volumes.start(), devices.start(), networks.start()]);
  await registration.register(signal);
  informers.start();
  if (parts.networked) networkInformers.start();
  const keepers = keepersOf(base, hostsOf(f), ports.reload).map((k) => k.run(signal));
  const running = [
    ...keepers,
    registration.run(signal),
    networks.run(signal),
    ...(parts.networked ? [network.run(signal), policies.run(signal)] : []),
  ];
  if (parts.networked) network.ready().then(parts.report, () => {});
  await Promise.all([pods.synced(signal), services.synced(signal), view.load()]);
  await manager.start(statics ? await statics.read() : []);
  logger.info({ node: f.nodeName, pods: manager.size }, 'running');
  await Promise.all([...running, view.run(signal), eviction.run(signal), imageGc.run(signal), statics?.run(signal)]);
}

/** Whether a SIGTERM means that the machine goes down. A systemd that does not answer is not stopping anything. */
async function goesDown({ shutdownTrigger }: Flags): Promise<boolean> {
  if (shutdownTrigger === 'sigterm') return true;
  const asked = systemExec('systemctl', ['is-system-running'], { timeoutMs: SYSTEMD_MS });
  return asked.then(
    ({ stdout }) => stdout.trim() === 'stopping',
    () => false,
  );
}

/** Lets the pods of a node that shuts down end before everything stops. */
function stopWhenTold(base: Base, parts: () => Parts | undefined, { signal, needsToStop }: MainContext): void {
  const stop = async (): Promise<void> => {
    const shutdown = parts()?.shutdown;
    if (shutdown && shutdown.limitMs > 0 && (await goesDown(base.f))) await shutdown.run();
  };
  const { shutdownStages } = base.checked;
  const limitMs = limitOf(shutdownStages);
  needsToStop(limitMs);
  if (limitMs > 0 && base.f.shutdownTrigger === 'systemd') {
    const goesDown = async (): Promise<void> => parts()?.shutdown.run();
    const inhibitor = new ShutdownInhibitor({ logger: base.logger, command: nodeCommand(base.f), goesDown });
    inhibitor.start();
    base.signal.addEventListener('abort', () => inhibitor.close(), { once: true });
  }
  signal.addEventListener(
    'abort',
    () => {
      stop()
        .catch((err: unknown) => base.logger.error({ err }, 'the pods could not be ended'))
        .finally(() => base.stop(signal.reason));
    },
    { once: true },
  );
}

async function run(f: Flags, context: MainContext): Promise<void> {
  const base = await baseOf(f, context.logger);
  const { client, clock, logger, signal, server } = base;
  let parts: Parts | undefined;
  stopWhenTold(base, () => parts, context);
  // Both ports first: whoever has them should be named at once.
  const ports = await openPorts(base);
  try {
    await requireServer({ client, server, clock, signal, logger });
    const info = await runtimeInfo(base);
    noteImageDir(base, info);
    const [facts, cgroups, appArmor] = await Promise.all([
      factsOf(base, info),
      cgroupsOf(base, info),
      appArmorEnabled(),
    ]);
    parts = partsOf(base, { facts, cgroups, appArmor, userNamespaces: info.userNamespaces });
    await work(base, parts, ports);
  } finally {
    parts?.prober.close();
    parts?.objects.close();
    parts?.devices.close();
    await ports.close();
    await parts?.manager.drain();
    await base.close();
  }
}

await runMain('node-agent', (program) => agentFlags(program.description('Runs the pods of one node on Docker.')), run);
