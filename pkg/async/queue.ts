/**
 * A keyed work queue (client-go's workqueue): a key is held at most once, a key being processed is not handed to a
 * second worker, and a key added meanwhile is handed out again after `done`.
 */
export interface WorkQueue<K extends string = string> {
  /** Enqueues now. */
  add(key: K): void;
  /** Enqueues after `ms`; an earlier pending time wins. */
  addAfter(key: K, ms: number): void;
  /** Enqueues with per-key exponential back-off. */
  addRateLimited(key: K): void;
  /** Resets the key's back-off. */
  forget(key: K): void;
  /** How often `key` was rate limited since the last `forget`. */
  retries(key: K): number;
  /** Next key; null once the queue was shut down and is empty. */
  get(): Promise<K | null>;
  /** Must be called after each `get`, when the work on `key` is over. */
  done(key: K): void;
  /** No more keys are accepted; `get` drains and then answers null. */
  shutdown(): void;
  readonly length: number;
}
