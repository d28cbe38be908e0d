import { parse } from 'yaml';
import type { Kind } from '#api/kind.ts';
import { Services } from '#api/kinds/index.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { podSpecOf } from '../pod-spec.ts';
import { eachFound, type Found } from '../targets.ts';
import { type CreateFlags, createAs } from './create.ts';
import { PATCH_TYPES, patchedObject } from './patched.ts';

export interface ExposeFlags extends CreateFlags {
  readonly name?: string;
  readonly port?: string;
  readonly targetPort?: string;
  readonly protocol?: string;
  readonly type?: string;
  readonly labels?: string;
  readonly selector?: string;
  readonly clusterIp?: string;
  readonly externalIp?: string;
  readonly loadBalancerIp?: string;
  readonly sessionAffinity?: string;
  readonly overrides?: string;
  readonly overrideType?: string;
}

interface Port {
  readonly port: number;
  readonly protocol: string;
}

const EXPOSABLE = new Set(['pods', 'services', 'deployments', 'replicasets', 'replicationcontrollers']);

/** "a=b,c=d" */
export function labelsOf(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split(',').map((pair) => {
      const at = pair.indexOf('=');
      if (at <= 0) throw new CliError(`unexpected label spec: ${pair}`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

interface WithSelector extends KubeObject {
  spec?: {
    selector?: Record<string, unknown> & { matchLabels?: Record<string, string>; matchExpressions?: unknown[] };
    ports?: { port?: number; protocol?: string }[];
  };
}

/** Labels of the pods behind an object. @throws CliError when it has none that a Service could select by */
function selectorOf({ resource, object }: Found): Record<string, string> {
  if (resource.plural === 'pods') {
    const { labels = {} } = object.metadata ?? {};
    if (Object.keys(labels).length === 0) throw new CliError('the pod has no labels and cannot be exposed');
    return labels;
  }
  const { selector = {} } = (object as WithSelector).spec ?? {};
  if (selector.matchExpressions?.length)
    throw new CliError("couldn't convert expressions of the selector: give --selector");
  const labels = (selector.matchLabels ?? (resource.group ? {} : selector)) as Record<string, string>;
  if (Object.keys(labels).length === 0) throw new CliError('the object has no selector: give --selector');
  return labels;
}

/** Ports the object names itself. */
function portsOf({ object }: Found): Port[] {
  const ports = podSpecOf(object)?.containers.flatMap((c) => c.ports ?? []) ?? [];
  if (object.kind === 'Service')
    return ((object as WithSelector).spec?.ports ?? []).map((p) => ({
      port: p.port ?? 0,
      protocol: p.protocol ?? 'TCP',
    }));
  return ports.map((p) => ({ port: p.containerPort ?? 0, protocol: p.protocol ?? 'TCP' }));
}

function chosenPorts(found: Found, o: ExposeFlags): Port[] {
  const own = portsOf(found);
  if (!o.port) return own;
  return o.port.split(',').map((text) => {
    if (!/^\d+$/.test(text)) throw new CliError(`"${text}" is not a port`);
    const port = Number(text);
    return { port, protocol: own.find((p) => p.port === port)?.protocol ?? 'TCP' };
  });
}

const numberOrName = (text: string): number | string => (/^\d+$/.test(text) ? Number(text) : text);

function specOf(ports: readonly Port[], selector: Record<string, string>, o: ExposeFlags): Record<string, unknown> {
  return {
    ports: ports.map((p, i) => ({
      ...(ports.length > 1 ? { name: `port-${i + 1}` } : {}),
      port: p.port,
      protocol: o.protocol ?? p.protocol,
      targetPort: o.targetPort ? numberOrName(o.targetPort) : p.port,
    })),
    selector,
    ...(o.type ? { type: o.type } : {}),
    ...(o.clusterIp ? { clusterIP: o.clusterIp } : {}),
    ...(o.externalIp ? { externalIPs: [o.externalIp] } : {}),
    ...(o.type === 'LoadBalancer' && o.loadBalancerIp ? { loadBalancerIP: o.loadBalancerIp } : {}),
    ...(o.sessionAffinity ? { sessionAffinity: o.sessionAffinity } : {}),
  };
}

/** The object with --overrides laid over it, a merge patch unless --override-type says otherwise. */
export function overridden(
  kind: Kind,
  object: KubeObject,
  o: { overrides?: string; overrideType?: string },
): KubeObject {
  if (!o.overrides) return object;
  const { overrideType: type = 'merge' } = o;
  if (!PATCH_TYPES.has(type)) throw new CliError(`invalid override type: ${type}`);
  return patchedObject(object, { type, patch: patchIn(o.overrides) }, kind);
}

function patchIn(text: string): unknown {
  try {
    return parse(text);
  } catch {
    throw new CliError('Invalid JSON Patch');
  }
}

/** `cox expose TYPE NAME --port=80`: a Service for the pods of an object. @returns the exit code */
export async function expose(ctx: CliContext, args: readonly string[], o: ExposeFlags): Promise<number> {
  const { selector: chosenSelector, ...choice } = o;
  const services = await (await ctx.discovery()).find('services');
  return eachFound(ctx, args, { ...choice, left: 'not exposed' }, async (found) => {
    if (!EXPOSABLE.has(found.resource.plural)) throw new CliError(`cannot expose a ${found.resource.kind}`);
    const selector = chosenSelector ? labelsOf(chosenSelector) : selectorOf(found);
    const ports = chosenPorts(found, o);
    if (ports.length === 0 && o.clusterIp !== 'None')
      throw new CliError("couldn't find port via --port flag or introspection");
    const labels = o.labels ? labelsOf(o.labels) : found.object.metadata?.labels;
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: {
        name: o.name || (found.object.metadata?.name ?? ''),
        namespace: ctx.namespace,
        ...(labels ? { labels } : {}),
      },
      spec: specOf(ports, selector, o),
    } as KubeObject;
    await createAs(ctx, services, overridden(Services, service, o), {
      done: 'exposed',
      manager: 'kubectl-expose',
      ...o,
    });
  });
}
