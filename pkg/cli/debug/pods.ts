import type { Pod } from '#api/kinds/index.ts';
import { CliError } from '../errors.ts';
import type { Profile } from './profiles.ts';

type Json = Record<string, unknown>;

/** What is asked for on the command line. */
export interface DebugFlags {
  readonly image?: string;
  readonly imagePullPolicy?: string;
  readonly container?: string;
  readonly target?: string;
  readonly env?: readonly string[];
  readonly stdin?: boolean;
  readonly tty?: boolean;
  readonly attach?: boolean;
  readonly quiet?: boolean;
  readonly argumentsOnly?: boolean;
  readonly profile?: string;
  readonly custom?: string;
  readonly copyTo?: string;
  readonly replace?: boolean;
  readonly sameNode?: boolean;
  readonly shareProcesses?: boolean;
  readonly setImage?: readonly string[];
  readonly keepLabels?: boolean;
  readonly keepAnnotations?: boolean;
  readonly keepLiveness?: boolean;
  readonly keepReadiness?: boolean;
  readonly keepStartup?: boolean;
  readonly keepInitContainers?: boolean;
}

const envOf = (o: DebugFlags): Json[] =>
  (o.env ?? []).map((text) => {
    const at = text.indexOf('=');
    if (at <= 0) throw new CliError(`invalid env: ${text}`);
    return { name: text.slice(0, at), value: text.slice(at + 1) };
  });

const commandOf = (command: readonly string[], o: DebugFlags): Json =>
  command.length > 0 ? { [o.argumentsOnly ? 'args' : 'command']: [...command] } : {};

/** The container to debug with. */
export function debugContainer(name: string, command: readonly string[], o: DebugFlags, p: Profile): Json {
  const env = envOf(o);
  return {
    name,
    image: o.image,
    ...(o.imagePullPolicy ? { imagePullPolicy: o.imagePullPolicy } : {}),
    ...commandOf(command, o),
    ...(env.length > 0 ? { env } : {}),
    ...(o.stdin ? { stdin: true } : {}),
    ...(o.tty ? { tty: true } : {}),
    ...(p.security ? { securityContext: p.security } : {}),
    terminationMessagePolicy: 'File',
  };
}

/** The container with fields of a partial one laid over it (`--custom`). */
export const customised = (container: Json, custom: Json | undefined): Json => ({
  ...container,
  ...custom,
  ...(container.env || custom?.env
    ? { env: [...((container.env as Json[]) ?? []), ...((custom?.env as Json[]) ?? [])] }
    : {}),
});

/** A pod that lives on a node and in its namespaces. */
export function nodePod(node: string, container: Json, p: Profile, suffix: string): Json {
  const name = `node-debugger-${node}-${suffix}`;
  const files = p.hostFiles
    ? {
        containers: [{ ...container, volumeMounts: [{ mountPath: '/host', name: 'host-root' }] }],
        volumes: [{ name: 'host-root', hostPath: { path: '/' } }],
      }
    : { containers: [container] };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      ...files,
      ...(p.hostNamespaces ? { hostIPC: true, hostNetwork: true, hostPID: true } : {}),
      nodeName: node,
      restartPolicy: 'Never',
      tolerations: [{ operator: 'Exists' }],
    },
  };
}

/** "name=image" pairs; "*" for all others. @throws CliError */
function imagesOf(list: readonly string[] | undefined): Map<string, string> {
  const found = new Map<string, string>();
  for (const text of (list ?? []).flatMap((t) => t.split(','))) {
    const at = text.indexOf('=');
    if (at <= 0 || at === text.length - 1)
      throw new CliError(`invalid argument "${text}" for --set-image: it must be name=image`);
    found.set(text.slice(0, at), text.slice(at + 1));
  }
  return found;
}

function withoutProbes(container: Json, o: DebugFlags): Json {
  const { livenessProbe, readinessProbe, startupProbe, ...rest } = container;
  return {
    ...rest,
    ...(o.keepLiveness && livenessProbe ? { livenessProbe } : {}),
    ...(o.keepReadiness && readinessProbe ? { readinessProbe } : {}),
    ...(o.keepStartup && startupProbe ? { startupProbe } : {}),
  };
}

interface PodSpec {
  containers: Json[];
  initContainers?: Json[];
  ephemeralContainers?: unknown;
  nodeName?: string;
}

/** A copy of a pod with other images, or with a container more. @returns it and the container to debug with */
export function copyOf(
  pod: Pod,
  how: {
    readonly name: string;
    readonly command: readonly string[];
    readonly profile: Profile;
    readonly custom?: Json;
  },
  o: DebugFlags,
): { copy: Json; container: string } {
  const spec = structuredClone(pod.spec) as unknown as PodSpec;
  const { ephemeralContainers: _e, nodeName, ...rest } = spec;
  const images = imagesOf(o.setImage);
  const dressed = (c: Json): Json => {
    const image = images.get(c.name as string) ?? images.get('*');
    return image ? { ...c, image } : c;
  };
  const containers = rest.containers.map((c) => dressed(withoutProbes(c, o)));
  const at = containers.findIndex((c) => c.name === how.name);
  const old = containers[at];
  if (old) {
    const { command: _c, args: _a, ...kept } = old;
    containers[at] = customised(
      {
        ...(how.command.length > 0 ? { ...kept, ...commandOf(how.command, o) } : old),
        ...(o.image ? { image: o.image } : {}),
        ...(o.imagePullPolicy ? { imagePullPolicy: o.imagePullPolicy } : {}),
        ...(o.stdin ? { stdin: true } : {}),
        ...(o.tty ? { tty: true } : {}),
        ...(how.profile.security ? { securityContext: how.profile.security } : {}),
      },
      how.custom,
    );
  } else if (o.image) containers.push(customised(debugContainer(how.name, how.command, o, how.profile), how.custom));
  const { initContainers, ...others } = rest;
  return {
    container: old || o.image ? how.name : String(containers[0]?.name),
    copy: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: o.copyTo,
        namespace: pod.metadata?.namespace,
        ...(o.keepLabels ? { labels: pod.metadata?.labels } : {}),
        ...(o.keepAnnotations ? { annotations: pod.metadata?.annotations } : {}),
      },
      spec: {
        ...others,
        ...(initContainers && o.keepInitContainers !== false ? { initContainers: initContainers.map(dressed) } : {}),
        containers,
        shareProcessNamespace: o.shareProcesses ?? true,
        ...(o.sameNode && nodeName ? { nodeName } : {}),
      },
    },
  };
}
