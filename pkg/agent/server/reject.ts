import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { errors, type Status, StatusError } from '#api/meta/errors.ts';
import { messageOf } from '../streaming/command/status.ts';

/** The Status for any error. */
export function statusOf(error: unknown): Status {
  return error instanceof StatusError ? error.status : errors.internal(messageOf(error)).status;
}

/** Answers an upgrade request with an error and closes its connection. */
export function rejectUpgrade(socket: Duplex, error: unknown, headers: readonly string[] = []): void {
  const status = statusOf(error);
  const body = JSON.stringify(status);
  const lines = [
    `HTTP/1.1 ${status.code} ${STATUS_CODES[status.code] ?? 'Error'}`,
    'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...headers,
  ];
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
  // What the client still sends must not keep the connection open.
  socket.resume();
}
