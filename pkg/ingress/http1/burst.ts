/** Something with text to be sent. */
export interface Sender {
  /** Sends it now. */
  flush(): void;
}

let waiting: Sender[] = [];

/**
 * Has a sender send when everything that has arrived meanwhile is read. Peers are woken by what they are sent: of one after
 * the other each is, and goes to sleep again; what comes in a burst finds them awake, at half the price on both sides.
 * @param sender not one that waits already
 */
export function sendSoon(sender: Sender): void {
  if (waiting.push(sender) === 1) setImmediate(flushAll);
}

function flushAll(): void {
  const now = waiting;
  waiting = [];
  for (const sender of now) sender.flush();
}
