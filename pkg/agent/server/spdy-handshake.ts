import { errors } from '#api/meta/errors.ts';
import { namesIn, type Upgrade } from '#websocket/acceptor.ts';
import { rejectUpgrade } from './reject.ts';

/**
 * Agrees on a stream protocol and answers 101. Null when that failed; the client has been told then.
 */
export function acceptSpdy({ request, socket }: Upgrade, supported: Iterable<string>): string | null {
  if (request.headers.upgrade?.toLowerCase() !== 'spdy/3.1') {
    rejectUpgrade(socket, errors.badRequest(`unable to upgrade: ${request.headers.upgrade} is not supported`));
    return null;
  }
  const ours = [...supported];
  const offered = namesIn(request.headers['x-stream-protocol-version']);
  const chosen = offered.find((name) => ours.includes(name));
  if (chosen === undefined) {
    const why =
      offered.length === 0
        ? 'unable to upgrade: X-Stream-Protocol-Version is required'
        : `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${ours.join(' ')}]`;
    const accepted = ours.map((name) => `X-Accepted-Stream-Protocol-Versions: ${name}`);
    rejectUpgrade(socket, errors.forbiddenPath(why), accepted);
    return null;
  }
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Connection: Upgrade',
    'Upgrade: SPDY/3.1',
    `X-Stream-Protocol-Version: ${chosen}`,
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  return chosen;
}
