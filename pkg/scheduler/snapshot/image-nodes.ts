import type { Node } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { add } from './node-sums.ts';

/** Images as nodes name them: with a tag, "latest" when the pod names none. */
export const imageName = (image: string): string =>
  image.lastIndexOf(':') <= image.lastIndexOf('/') && !image.includes('@') ? `${image}:latest` : image;

type Reported = NonNullable<NonNullable<Node['status']>['images']>;

/** Which images nodes have: sizes by node, and on how many nodes each is. */
export class ImageNodes {
  readonly #reported = new Map<string, Reported>();
  readonly #sizes = new Map<string, ReadonlyMap<string, number>>();
  readonly #spread = new Map<string, number>();

  /** What a node reports now; undefined: the node is gone. Heartbeats repeat it unchanged. */
  set(node: string, images: Reported | undefined): void {
    const before = this.#reported.get(node);
    if (before === images || (before && images && sameJson(before, images))) return;
    for (const name of this.#sizes.get(node)?.keys() ?? []) add(this.#spread, name, -1);
    this.#reported.delete(node);
    this.#sizes.delete(node);
    if (!images) return;
    const sizes = new Map<string, number>();
    for (const i of images) for (const name of i.names ?? []) sizes.set(name, i.sizeBytes ?? 0);
    for (const name of sizes.keys()) add(this.#spread, name, 1);
    this.#reported.set(node, images);
    this.#sizes.set(node, sizes);
  }

  /** Bytes of an image on a node, 0 when it is not there. */
  size(node: string, image: string): number {
    return this.#sizes.get(node)?.get(image) ?? 0;
  }

  /** Number of nodes that have it. */
  nodesWith(image: string): number {
    return this.#spread.get(image) ?? 0;
  }
}
