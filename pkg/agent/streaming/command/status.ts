import { errors, type Status, StatusError } from '#api/meta/errors.ts';

/** How a remote command ended, as written to the error channel. */
export type CommandStatus = Pick<Status, 'metadata' | 'status' | 'message' | 'reason' | 'details'> & { code?: number };

/** Success, or NonZeroExitCode with the code as a cause: what kubectl turns into its own exit code. */
export function exitStatus(code: number): CommandStatus {
  if (code === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  };
}

/** The command could not be started, or was lost. */
export function failureStatus(error: unknown): CommandStatus {
  if (error instanceof StatusError) return error.status;
  return errors.internal(`error executing command in container: ${messageOf(error)}`).status;
}

/** What a thrown value says. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * The bytes for the error channel. From version 4 on a Status; before that only failures are told, as text.
 */
export function encodeStatus(status: CommandStatus, version: number): string {
  if (version >= 4) return JSON.stringify(status);
  return status.status === 'Success' ? '' : (status.message ?? '');
}
