import { type FieldError, forbidden, invalid, required } from '../../../meta/fielderrors.ts';
import { portNumber } from '../../../meta/names.ts';
import { invalidFor, nonNegative, oneOfRequired, portNumberOrName } from '../../check/check.ts';
import type { Container } from './container.ts';
import type { HTTPGetAction, LifecycleHandler, Probe, ProbeHandler } from './probes.ts';

const HEADER_NAME = /^[-A-Za-z0-9]+$/;
const HEADER_MESSAGE =
  "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";

function validateHttpGet(path: string, get: HTTPGetAction): FieldError[] {
  return [
    ...(get.path ? [] : [required(`${path}.path`)]),
    ...portNumberOrName(`${path}.port`, get.port),
    ...oneOfRequired(`${path}.scheme`, get.scheme, ['HTTP', 'HTTPS']),
    ...(get.httpHeaders ?? []).flatMap((h) =>
      HEADER_NAME.test(h.name) ? [] : [invalid(`${path}.httpHeaders`, h.name, HEADER_MESSAGE)],
    ),
  ];
}

type Handler = ProbeHandler & LifecycleHandler;

/** Exactly one of exec, httpGet, tcpSocket, grpc and sleep. */
function validateHandler(path: string, h: Handler, grace: number | undefined): FieldError[] {
  const found: FieldError[] = [];
  let count = 0;
  const one = (name: string, check: () => FieldError[]): void => {
    if (++count > 1) found.push(forbidden(`${path}.${name}`, 'may not specify more than 1 handler type'));
    else found.push(...check());
  };
  const { exec, httpGet, tcpSocket, grpc, sleep } = h;
  if (exec) one('exec', () => (exec.command?.length ? [] : [required(`${path}.exec.command`)]));
  if (httpGet) one('httpGet', () => validateHttpGet(`${path}.httpGet`, httpGet));
  if (tcpSocket) one('tcpSocket', () => portNumberOrName(`${path}.tcpSocket.port`, tcpSocket.port));
  if (grpc) one('grpc', () => invalidFor(`${path}.grpc.port`, grpc.port, portNumber(grpc.port)));
  if (sleep) one('sleep', () => validateSleep(`${path}.sleep`, sleep.seconds, grace));
  if (count === 0) found.push(required(path, 'must specify a handler type'));
  return found;
}

function validateSleep(path: string, seconds: number, grace: number | undefined): FieldError[] {
  if (grace === undefined || (seconds >= 0 && seconds <= grace)) return [];
  return [invalid(path, seconds, `must be non-negative and less than terminationGracePeriodSeconds (${grace})`)];
}

function validateProbe(path: string, p: Probe): FieldError[] {
  const found = [
    ...validateHandler(path, p, undefined),
    ...nonNegative(`${path}.initialDelaySeconds`, p.initialDelaySeconds),
    ...nonNegative(`${path}.timeoutSeconds`, p.timeoutSeconds),
    ...nonNegative(`${path}.periodSeconds`, p.periodSeconds),
    ...nonNegative(`${path}.successThreshold`, p.successThreshold),
    ...nonNegative(`${path}.failureThreshold`, p.failureThreshold),
  ];
  const grace = p.terminationGracePeriodSeconds;
  if (grace !== undefined && grace <= 0) {
    found.push(invalid(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than 0'));
  }
  return found;
}

/** Probes whose first success decides cannot ask for more than one. */
const once = (path: string, p: Probe | undefined): FieldError[] =>
  p && p.successThreshold !== 1 ? [invalid(`${path}.successThreshold`, p.successThreshold ?? 0, 'must be 1')] : [];

/** Probes and hooks of a container that may have them. */
export function validateProbes(path: string, c: Container, grace: number | undefined): FieldError[] {
  const { livenessProbe: live, readinessProbe: ready, startupProbe: start, lifecycle } = c;
  const found: FieldError[] = [];
  if (lifecycle?.postStart) found.push(...validateHandler(`${path}.lifecycle.postStart`, lifecycle.postStart, grace));
  if (lifecycle?.preStop) found.push(...validateHandler(`${path}.lifecycle.preStop`, lifecycle.preStop, grace));
  if (live) found.push(...validateProbe(`${path}.livenessProbe`, live));
  found.push(...once(`${path}.livenessProbe`, live));
  if (ready) found.push(...validateProbe(`${path}.readinessProbe`, ready));
  if (ready?.terminationGracePeriodSeconds !== undefined) {
    const at = `${path}.readinessProbe.terminationGracePeriodSeconds`;
    found.push(invalid(at, ready.terminationGracePeriodSeconds, 'must not be set for readinessProbes'));
  }
  if (start) found.push(...validateProbe(`${path}.startupProbe`, start));
  found.push(...once(`${path}.startupProbe`, start));
  return found;
}
