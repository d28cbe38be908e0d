/** What a call ended with. `code` -1: the other side does not speak gRPC, or is gone. */
export interface GrpcStatus {
  readonly code: number;
  readonly message: string;
}

/** A call that failed, in the words of gRPC's libraries. */
export class GrpcError extends Error {
  readonly code: number;
  constructor({ code, message }: GrpcStatus) {
    super(`rpc error: code = ${NAMES[code] ?? `Code(${code})`} desc = ${message}`);
    this.code = code;
  }
}

const NAMES = [
  ...['OK', 'Canceled', 'Unknown', 'InvalidArgument', 'DeadlineExceeded', 'NotFound', 'AlreadyExists'],
  ...['PermissionDenied', 'ResourceExhausted', 'FailedPrecondition', 'Aborted', 'OutOfRange', 'Unimplemented'],
  ...['Internal', 'Unavailable', 'DataLoss', 'Unauthenticated'],
];

/** grpc-message is percent-encoded; whoever forgets it is taken by its word. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** What headers or trailers say. */
export const statusOf = (headers: Readonly<Record<string, unknown>>): GrpcStatus => ({
  code: Number(headers['grpc-status']),
  message: decoded(String(headers['grpc-message'] ?? '')),
});
