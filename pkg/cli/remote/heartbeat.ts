import type { Clock } from '#async/clock.ts';

/** How often the other end is asked whether it is there. */
const ASK_MS = 5_000;
/** After so long without a sign of it, it is lost. */
const LOST_MS = 60_000;

/** A WebSocket, as far as it is listened to. */
export interface Listened {
  /** Nothing is read at present, so nothing can be heard. */
  readonly isPaused: boolean;
  ping(): void;
  on(event: 'message' | 'pong', heard: () => void): unknown;
}

/**
 * Calls `lost` once when the other end of a connection gives no sign of life any more: a machine that is gone closes nothing.
 * @returns what ends the listening
 */
export function listenFor(socket: Listened, clock: Clock, lost: () => void): () => void {
  let heardAt = clock.now();
  const heard = (): void => {
    heardAt = clock.now();
  };
  socket.on('message', heard);
  socket.on('pong', heard);
  const look = (): void => {
    if (socket.isPaused) heard();
    if (clock.now() - heardAt >= LOST_MS) {
      lost();
      return;
    }
    socket.ping();
    timer = clock.after(ASK_MS, look);
  };
  let timer = clock.after(ASK_MS, look);
  return () => timer.cancel();
}
