/** A binary heap ordered by `before`, with removal by key. */
export class Heap<T> {
  readonly #items: T[] = [];
  readonly #index = new Map<string, number>();
  readonly #key: (item: T) => string;
  readonly #before: (a: T, b: T) => boolean;

  constructor(key: (item: T) => string, before: (a: T, b: T) => boolean) {
    this.#key = key;
    this.#before = before;
  }

  get size(): number {
    return this.#items.length;
  }

  peek(): T | undefined {
    return this.#items[0];
  }

  has(key: string): boolean {
    return this.#index.has(key);
  }

  /** Adds an item; one with the same key is replaced. */
  push(item: T): void {
    const key = this.#key(item);
    const at = this.#index.get(key);
    if (at !== undefined) {
      this.#items[at] = item;
      this.#down(this.#up(at));
      return;
    }
    this.#items.push(item);
    this.#index.set(key, this.#items.length - 1);
    this.#up(this.#items.length - 1);
  }

  pop(): T | undefined {
    const top = this.#items[0];
    if (top !== undefined) this.remove(this.#key(top));
    return top;
  }

  remove(key: string): T | undefined {
    const at = this.#index.get(key);
    if (at === undefined) return undefined;
    const item = this.#items[at];
    const last = this.#items.pop() as T;
    this.#index.delete(key);
    if (at < this.#items.length) {
      this.#items[at] = last;
      this.#index.set(this.#key(last), at);
      this.#down(this.#up(at));
    }
    return item;
  }

  #swap(i: number, j: number): void {
    const a = this.#items[i] as T;
    const b = this.#items[j] as T;
    this.#items[i] = b;
    this.#items[j] = a;
    this.#index.set(this.#key(b), i);
    this.#index.set(this.#key(a), j);
  }

  #up(from: number): number {
    let i = from;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!this.#before(this.#items[i] as T, this.#items[parent] as T)) break;
      this.#swap(i, parent);
      i = parent;
    }
    return i;
  }

  #down(from: number): void {
    let i = from;
    for (;;) {
      const left = 2 * i + 1;
      if (left >= this.#items.length) return;
      const right = left + 1;
      const child =
        right < this.#items.length && this.#before(this.#items[right] as T, this.#items[left] as T) ? right : left;
      if (!this.#before(this.#items[child] as T, this.#items[i] as T)) return;
      this.#swap(i, child);
      i = child;
    }
  }
}
