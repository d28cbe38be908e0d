/**
 * When each node was last heard, by our own clock: the times nodes write are only compared with each other, never with
 * ours, so that a wrong clock on either side kills no node.
 */
export class Heartbeats {
  readonly #heard = new Map<string, { readonly renewed: string; readonly at: number }>();

  /** Takes in the renew time of the node's lease. @returns when it was first seen, epoch ms */
  hear(node: string, renewed: string, now: number): number {
    const known = this.#heard.get(node);
    if (known?.renewed === renewed) return known.at;
    this.#heard.set(node, { renewed, at: now });
    return now;
  }

  /** Another sign of life than the lease: the node has written its own status. */
  alive(node: string, now: number): void {
    this.#heard.set(node, { renewed: this.#heard.get(node)?.renewed ?? '', at: now });
  }

  /** undefined: never heard of. */
  lastHeard(node: string): number | undefined {
    return this.#heard.get(node)?.at;
  }

  forget(node: string): void {
    this.#heard.delete(node);
  }
}
