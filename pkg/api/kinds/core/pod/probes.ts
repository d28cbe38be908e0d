import { arr, f, int32, int64, intOrString, objectsIn, oneOf, req, str, type TypeOf } from '../../../schema/schema.ts';
import { embed } from '../../embed.ts';

const obj = objectsIn('io.k8s.api.core.v1');

export const ExecAction = obj('ExecAction', 'Runs a command in the container.', {
  command: f(1, arr(str), 'Command and arguments, not run in a shell; exit code 0 is success.'),
});
export type ExecAction = TypeOf<typeof ExecAction>;

export const HTTPHeader = obj('HTTPHeader', 'One header of a request.', {
  name: req(1, str, 'Header name.'),
  value: req(2, str, 'Header value.'),
});
export type HTTPHeader = TypeOf<typeof HTTPHeader>;

export const HTTPGetAction = obj('HTTPGetAction', 'Sends a GET request; a status from 200 to 399 is success.', {
  path: f(1, str, 'Path of the request.', { default: '/' }),
  port: req(2, intOrString, 'Port number, or name of a container port.'),
  host: f(3, str, "Host to connect to; the pod's IP by default."),
  scheme: f(4, oneOf('HTTP', 'HTTPS'), 'Protocol.', { default: 'HTTP' }),
  httpHeaders: f(5, arr(HTTPHeader), 'Headers to send.'),
});
export type HTTPGetAction = TypeOf<typeof HTTPGetAction>;

export const TCPSocketAction = obj('TCPSocketAction', 'Opens a TCP connection.', {
  port: req(1, intOrString, 'Port number, or name of a container port.'),
  host: f(2, str, "Host to connect to; the pod's IP by default."),
});
export type TCPSocketAction = TypeOf<typeof TCPSocketAction>;

export const GRPCAction = obj('GRPCAction', 'Calls the gRPC health service.', {
  port: req(1, int32, 'Port of the gRPC service.'),
  service: req(2, str, 'Service name in the health request.', { ptr: true, default: '' }),
});
export type GRPCAction = TypeOf<typeof GRPCAction>;

export const SleepAction = obj('SleepAction', 'Waits.', {
  seconds: req(1, int64, 'How long to wait.'),
});
export type SleepAction = TypeOf<typeof SleepAction>;

export const ProbeHandler = obj('ProbeHandler', 'What a probe does; one of the fields is set.', {
  exec: f(1, ExecAction, 'Run a command.'),
  httpGet: f(2, HTTPGetAction, 'Send an HTTP request.'),
  tcpSocket: f(3, TCPSocketAction, 'Open a TCP connection.'),
  grpc: f(4, GRPCAction, 'Call the gRPC health service.'),
});
export type ProbeHandler = TypeOf<typeof ProbeHandler>;

export const Probe = obj('Probe', 'A periodic check of a container.', {
  ...embed(1, ProbeHandler),
  initialDelaySeconds: f(2, int32, 'Seconds after the start before the first check.'),
  timeoutSeconds: f(3, int32, 'Seconds after which a check has failed.', { default: 1 }),
  periodSeconds: f(4, int32, 'Seconds between checks.', { default: 10 }),
  successThreshold: f(5, int32, 'Successes in a row needed after a failure.', { default: 1 }),
  failureThreshold: f(6, int32, 'Failures in a row needed to count as failed.', { default: 3 }),
  terminationGracePeriodSeconds: f(7, int64, "Grace for a container that this probe ends; the pod's by default.", {
    ptr: true,
  }),
});
export type Probe = TypeOf<typeof Probe>;

export const LifecycleHandler = obj('LifecycleHandler', 'What a lifecycle hook does; one of the fields is set.', {
  exec: f(1, ExecAction, 'Run a command.'),
  httpGet: f(2, HTTPGetAction, 'Send an HTTP request.'),
  tcpSocket: f(3, TCPSocketAction, 'Unused; kept for compatibility.'),
  sleep: f(4, SleepAction, 'Wait.'),
});
export type LifecycleHandler = TypeOf<typeof LifecycleHandler>;

export const Lifecycle = obj('Lifecycle', "Hooks around a container's life.", {
  postStart: f(1, LifecycleHandler, 'Runs right after the container is created.'),
  preStop: f(2, LifecycleHandler, 'Runs before the container is stopped, within the grace period.'),
  stopSignal: f(3, str, "Signal sent to stop the container instead of the image's.", { ptr: true }),
});
export type Lifecycle = TypeOf<typeof Lifecycle>;
