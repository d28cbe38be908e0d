import { type FieldError, fieldErrorText } from './fielderrors.ts';

/** The wire form of a failure: Kubernetes API conventions, "Response Status Kind". */
export interface Status {
  kind: 'Status';
  apiVersion: 'v1';
  metadata: Record<string, unknown>;
  status: 'Success' | 'Failure';
  message?: string;
  reason?: string;
  details?: StatusDetails;
  code: number;
}
export interface StatusDetails {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: { reason?: string; message?: string; field?: string }[];
  retryAfterSeconds?: number;
}

/** Which resource an error speaks of. */
export interface ResourceRef {
  readonly group: string;
  /** plural in most errors ("pods"); the kind in Invalid ("Pod"). */
  readonly plural: string;
  readonly kind: string;
}

/** Every error that reaches a client; also what our client throws for a non-2xx answer. */
export class StatusError extends Error {
  readonly status: Status;
  constructor(status: Status, options?: ErrorOptions) {
    super(status.message ?? status.reason ?? `HTTP ${status.code}`, options);
    this.name = 'StatusError';
    this.status = status;
  }
  get code(): number {
    return this.status.code;
  }
  get reason(): string {
    return this.status.reason ?? '';
  }
}

function failure(code: number, reason: string, message: string, details?: StatusDetails): StatusError {
  return new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    ...(details ? { details } : {}),
    code,
  });
}

const dotted = (r: ResourceRef): string => (r.group ? `${r.plural}.${r.group}` : r.plural);
const ref = (r: ResourceRef, name: string): StatusDetails => ({
  ...(name ? { name } : {}),
  ...(r.group ? { group: r.group } : {}),
  kind: r.plural,
});

/** The one table of API errors: code, reason and wording in one place. */
export const errors = {
  badRequest: (message: string) => failure(400, 'BadRequest', message),
  unauthorized: () => failure(401, 'Unauthorized', 'Unauthorized'),
  forbidden: (r: ResourceRef, name: string, why: string) =>
    failure(403, 'Forbidden', `${dotted(r)}${name ? ` "${name}"` : ''} is forbidden: ${why}`, ref(r, name)),
  forbiddenPath: (message: string) => failure(403, 'Forbidden', message, {}),
  notFound: (r: ResourceRef, name: string) =>
    failure(404, 'NotFound', `${dotted(r)} "${name}" not found`, ref(r, name)),
  pathNotFound: () => failure(404, 'NotFound', 'the server could not find the requested resource', {}),
  methodNotAllowed: () =>
    failure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {}),
  notAcceptable: (message: string) => failure(406, 'NotAcceptable', message),
  alreadyExists: (r: ResourceRef, name: string) =>
    failure(409, 'AlreadyExists', `${dotted(r)} "${name}" already exists`, ref(r, name)),
  conflict: (r: ResourceRef, name: string, why: string) =>
    failure(409, 'Conflict', `Operation cannot be fulfilled on ${dotted(r)} "${name}": ${why}`, ref(r, name)),
  /** A stale resourceVersion. */
  modified: (r: ResourceRef, name: string) =>
    errors.conflict(
      r,
      name,
      'the object has been modified; please apply your changes to the latest version and try again',
    ),
  applyConflict: (message: string, causes: NonNullable<StatusDetails['causes']>) =>
    failure(409, 'Conflict', message, { causes }),
  gone: (message: string) => failure(410, 'Gone', message),
  /** The resourceVersion is compacted away: clients must list again. */
  expired: (message: string) => failure(410, 'Expired', message),
  tooLarge: (message: string) => failure(413, 'RequestEntityTooLarge', message),
  unsupportedMediaType: (message: string) => failure(415, 'UnsupportedMediaType', message),
  /** Failed validation: one cause per field. */
  invalid: (r: ResourceRef, name: string, fieldErrors: readonly FieldError[]) => {
    const texts = [...new Set(fieldErrors.map(fieldErrorText))];
    const list = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
    const kind = r.group ? `${r.kind}.${r.group}` : r.kind;
    return failure(422, 'Invalid', `${kind} "${name}" is invalid: ${list}`, {
      ...(name ? { name } : {}),
      ...(r.group ? { group: r.group } : {}),
      ...(r.kind ? { kind: r.kind } : {}),
      causes: fieldErrors.map((e) => ({ reason: e.type, message: e.message, field: e.field })),
    });
  },
  tooManyRequests: (message: string, retryAfterSeconds: number) =>
    failure(429, 'TooManyRequests', message, { retryAfterSeconds }),
  /** An eviction that a disruption budget does not allow now; the cause says which, and what it lacks. */
  evictionRefused: (why: string, retryAfterSeconds?: number) =>
    failure(429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
      ...(retryAfterSeconds ? { retryAfterSeconds } : {}),
      causes: [{ reason: 'DisruptionBudget', message: why }],
    }),
  /** What cannot be carried out, said without the words of an accident. */
  impossible: (message: string) => failure(500, 'InternalError', message),
  internal: (message: string) =>
    failure(500, 'InternalError', `Internal error occurred: ${message}`, {
      causes: [{ message }],
    }),
  unavailable: (message: string) => failure(503, 'ServiceUnavailable', message),
  timeout: (message: string, retryAfterSeconds = 1) => failure(504, 'Timeout', message, { retryAfterSeconds }),
  /** The resourceVersion asked for has not been reached: clients try again, they need not list anew. */
  tooLargeResourceVersion: (wanted: number, current: number) =>
    failure(504, 'Timeout', `Too large resource version: ${wanted}, current: ${current}`, {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    }),
};

const hasReason =
  (reason: string) =>
  (e: unknown): e is StatusError =>
    e instanceof StatusError && e.reason === reason;
export const isNotFound = hasReason('NotFound');
export const isAlreadyExists = hasReason('AlreadyExists');
export const isConflict = hasReason('Conflict');
/** Refused for what it asks for or as things are, not because somebody else was faster. */
export const isRefused = (e: unknown): e is StatusError => e instanceof StatusError && !isConflict(e);
export const isInvalid = hasReason('Invalid');
export const isForbidden = hasReason('Forbidden');
/** 410: the resourceVersion is too old, list again. */
export const isGone = (e: unknown): e is StatusError => e instanceof StatusError && e.code === 410;
