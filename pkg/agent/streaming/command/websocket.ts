import type { StreamWishes } from '../backend.ts';
import type { WebSocketChannels } from '../websocket/channels.ts';
import { ResizeDecoder, type TerminalSize } from './resize.ts';
import type { CommandChannels } from './run.ts';
import { encodeStatus } from './status.ts';

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const ERROR = 3;
const RESIZE = 4;
/** Version 5: the data names a channel that the client has closed. */
const CLOSE = 255;

/** Tells the client, by an empty message, that the command is connected. */
export function greet(channels: WebSocketChannels, wishes: StreamWishes): void {
  channels.send(wishes.stdout ? STDOUT : wishes.stderr ? STDERR : ERROR, Buffer.alloc(0));
}

/** The channels of a command on a WebSocket. */
export function webSocketChannels(channels: WebSocketChannels, wishes: StreamWishes, version: number): CommandChannels {
  const stdin = wishes.stdin ? channels.readable(STDIN) : null;
  if (version >= 5) {
    channels.listen(CLOSE, (data) => {
      if (data[0] === STDIN) stdin?.finish();
    });
  }
  const early: TerminalSize[] = [];
  let deliver = (size: TerminalSize): void => {
    // Only the newest counts.
    early[0] = size;
  };
  if (wishes.tty) {
    const decoder = new ResizeDecoder();
    channels.listen(RESIZE, (data) => {
      for (const size of decoder.push(data)) deliver(size);
    });
  }
  return {
    stdin,
    stdout: wishes.stdout ? channels.writable(STDOUT) : null,
    stderr: wishes.stderr ? channels.writable(STDERR) : null,
    signal: channels.signal,
    onResize(listener) {
      deliver = listener;
      early.forEach(listener);
    },
    finish(status) {
      const text = encodeStatus(status, version);
      if (text) channels.send(ERROR, Buffer.from(text));
      channels.close();
    },
  };
}
