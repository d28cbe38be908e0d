/** Macros that go through the elements of a list or the keys of a map. */
export type Fold =
  | 'all'
  | 'exists'
  | 'exists_one'
  | 'map'
  | 'filter'
  | 'transformList'
  | 'transformMap'
  | 'transformMapEntry';

interface At {
  /** Offset in the text, for messages: of the operator, the dot or the parenthesis. */
  readonly at: number;
}

export type Literal =
  | null
  | boolean
  | number
  | bigint
  | string
  | { readonly uint: bigint }
  | { readonly double: number }
  | { readonly bytes: Uint8Array };

export type Node = At &
  (
    | { readonly op: 'literal'; readonly value: Literal }
    | { readonly op: 'ident'; readonly name: string }
    | { readonly op: 'select'; readonly of: Node; readonly field: string; readonly optional: boolean }
    /** has(of.field) */
    | { readonly op: 'has'; readonly of: Node; readonly field: string }
    | { readonly op: 'index'; readonly of: Node; readonly key: Node; readonly optional: boolean }
    | { readonly op: 'call'; readonly name: string; readonly target?: Node; readonly args: readonly Node[] }
    | { readonly op: 'and' | 'or'; readonly left: Node; readonly right: Node }
    | { readonly op: 'conditional'; readonly test: Node; readonly yes: Node; readonly no: Node }
    | { readonly op: 'list'; readonly items: readonly Item[] }
    | { readonly op: 'map'; readonly entries: readonly Entry[] }
    | FoldNode
    | { readonly op: 'optMap'; readonly of: Node; readonly name: string; readonly body: Node; readonly flat: boolean }
  );

/** An element of a list literal; `?x` is left out when x is none. */
export interface Item {
  readonly value: Node;
  readonly optional: boolean;
}
export interface Entry extends Item, At {
  readonly key: Node;
}

export interface FoldNode {
  readonly op: 'fold';
  readonly fold: Fold;
  readonly range: Node;
  /** Name of the index or key, in the forms with two variables. */
  readonly key?: string;
  readonly item: string;
  readonly filter?: Node;
  readonly body: Node;
}
