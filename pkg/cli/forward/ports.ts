import type { Pod, Service } from '#api/kinds/index.ts';
import { CliError } from '../errors.ts';

/** One port to listen on, and the port of the pod behind it. */
export interface PortPair {
  /** 0: any that is free. */
  readonly local: number;
  readonly remote: number;
}

function number(text: string): number {
  const n = Number(text);
  if (!/^\d+$/.test(text) || n > 65_535) throw new CliError(`"${text}" is not a port`);
  return n;
}

function podPort(pod: Pod, name: string): number {
  const found = (pod.spec?.containers ?? []).flatMap((c) => c.ports ?? []).find((p) => p.name === name);
  if (!found) throw new CliError(`Pod '${pod.metadata?.name ?? ''}' does not have a named port '${name}'`);
  return found.containerPort;
}

/** What a port of a Service means at a pod. */
function servicePort(service: Service, pod: Pod, text: string): { port: number; target: number } {
  const name = service.metadata?.name ?? '';
  const found = (service.spec?.ports ?? []).find((p) => String(p.port) === text || p.name === text);
  if (!found) throw new CliError(`Service ${name} does not have a service port ${text}`);
  const target = found.targetPort ?? found.port;
  // A headless Service is reached at its pods, whose port is the one asked for.
  if (service.spec?.clusterIP === 'None') return { port: found.port, target: found.port };
  return { port: found.port, target: typeof target === 'number' ? target : podPort(pod, target) };
}

/** `8080`, `8080:80`, `:80`, `8080:http`. @param service when the ports are those of a Service. @throws CliError */
export function portPair(text: string, pod: Pod, service: Service | undefined): PortPair {
  const [first = '', second, extra] = text.split(':');
  if (extra !== undefined) throw new CliError(`invalid port format '${text}'`);
  const wanted = second ?? first;
  if (service) {
    const { port, target } = servicePort(service, pod, wanted);
    return { local: second === undefined ? port : number(first || '0'), remote: target };
  }
  const remote = /^\d+$/.test(wanted) ? number(wanted) : podPort(pod, wanted);
  if (remote === 0) throw new CliError('remote port must be > 0');
  return { local: second === undefined ? remote : number(first || '0'), remote };
}
