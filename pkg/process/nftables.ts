import type { Exec } from './exec.ts';

/** A set, or a map if its elements have values. */
export interface NftSet {
  /** Such as "type ipv4_addr; flags interval;" or "type ipv4_addr : verdict;". */
  readonly declaration: string;
  /** Key → value, '' in sets. */
  readonly elements: ReadonlyMap<string, string>;
}

export interface NftChain {
  /** Where the kernel calls it, such as "type filter hook input priority 0;"; absent: it is only jumped to. */
  readonly hook?: string;
  readonly rules: readonly string[];
}

/** What a table of nftables shall hold. */
export interface NftContent {
  readonly sets: ReadonlyMap<string, NftSet>;
  readonly chains: ReadonlyMap<string, NftChain>;
}

/** For one process of nft, milliseconds. */
export const NFT_TIMEOUT_MS = 30_000;
/**
 * Until the next look at rules, milliseconds for each element of the table: a look costs some 20 µs for each, so looks take a
 * hundredth of the time. How long one really takes says more about how busy the machine is.
 */
const PAUSE_PER_ELEMENT_MS = 2;
/** Elements in one command; one of many thousands would make a line of megabytes. */
const ELEMENTS_PER_COMMAND = 5000;

/** Takes scripts of nft, each of them one transaction. */
export interface NftRunner {
  /** @throws Error with nft's words, or when there was no answer: what the kernel holds is unknown then */
  run(script: string): Promise<void>;
}

/** @param said by nft about a script that it did not take */
export const nftFailure = (said: string): Error => new Error(`nft: ${said.trim().slice(0, 1000)}`);

/** A process of nft for each script. */
export function nftOnce(exec: Exec): NftRunner {
  return {
    async run(script) {
      const { code, stderr } = await exec('nft', ['-f', '-'], { input: script, timeoutMs: NFT_TIMEOUT_MS });
      if (code !== 0) throw nftFailure(stderr);
    },
  };
}

/** Whether the kernel and a program that it understands are there. */
export function hasNftables(exec: Exec): Promise<boolean> {
  const probe = 'table ip coxswain-probe';
  return nftOnce(exec)
    .run(`add ${probe}\ndelete ${probe}\n`)
    .then(
      () => true,
      () => false,
    );
}

function elementsOf({ sets }: NftContent): number {
  let count = 0;
  for (const { elements } of sets.values()) count += elements.size;
  return count;
}

const isMap = (s: NftSet): boolean => / : /.test(s.declaration);
const declare = (name: string, s: NftSet): string => `add ${isMap(s) ? 'map' : 'set'} @ ${name} { ${s.declaration} }`;

function elementCommands(verb: 'add' | 'delete', set: string, elements: readonly string[]): string[] {
  const commands: string[] = [];
  for (let i = 0; i < elements.length; i += ELEMENTS_PER_COMMAND) {
    commands.push(`${verb} element @ ${set} { ${elements.slice(i, i + ELEMENTS_PER_COMMAND).join(', ')} }`);
  }
  return commands;
}

const withValue = ([key, value]: readonly [string, string]): string => (value === '' ? key : `${key} : ${value}`);
const sameRules = (a: NftChain | undefined, b: NftChain): boolean =>
  a !== undefined &&
  a.hook === b.hook &&
  a.rules.length === b.rules.length &&
  a.rules.every((r, i) => r === b.rules[i]);

/** Sets of a kind or chains with a hook cannot be changed in place. */
function mustStartOver(old: NftContent, wanted: NftContent): boolean {
  for (const [name, s] of wanted.sets)
    if ((old.sets.get(name)?.declaration ?? s.declaration) !== s.declaration) return true;
  for (const [name, c] of wanted.chains) {
    const before = old.chains.get(name);
    if (before && before.hook !== c.hook) return true;
  }
  return false;
}

const NOTHING: NftContent = { sets: new Map(), chains: new Map() };

/**
 * Inputs of nft that turn one content into another, each of them one transaction; none when there is nothing to do. New sets
 * and chains come before what refers to them: a packet that is under way through the chains while a transaction takes effect
 * sees chains as they were before and sets as they are after, and would find a new chain empty.
 * @param table such as "inet coxswain". @param old undefined: whatever is there is replaced, at one stroke.
 */
export function nftScripts(table: string, old: NftContent | undefined, wanted: NftContent): string[] {
  if (old && mustStartOver(old, wanted)) return nftScripts(table, undefined, wanted);
  const before = old ?? NOTHING;
  const fresh = old ? [] : ['add table @', 'delete table @', 'add table @'];
  const sets = Map.groupBy(wanted.sets, ([name]) => before.sets.has(name));
  const chains = Map.groupBy(wanted.chains, ([name]) => before.chains.has(name));
  const [newSets, newChains] = [sets.get(false) ?? [], chains.get(false) ?? []];
  const made = [
    ...newSets.map(([name, s]) => declare(name, s)),
    ...newChains.map(([name, c]) => `add chain @ ${name}${c.hook ? ` { ${c.hook} }` : ''}`),
    ...newChains.flatMap(([name, c]) => rulesOf(name, c)),
    ...newSets.flatMap(([name, s]) => elementChanges(name, undefined, s.elements)),
  ];
  const changed = [
    ...(chains.get(true) ?? [])
      .filter(([name, c]) => !sameRules(before.chains.get(name), c))
      .flatMap(([name, c]) => [`flush chain @ ${name}`, ...rulesOf(name, c)]),
    ...(sets.get(true) ?? []).flatMap(([name, s]) => elementChanges(name, before.sets.get(name)?.elements, s.elements)),
    ...removals(before, wanted),
  ];
  const script = (commands: readonly string[]): string => commands.map((c) => `${c.replace('@', table)}\n`).join('');
  return [script([...fresh, ...made]), script(changed)].filter((s) => s !== '');
}

const rulesOf = (name: string, { rules }: NftChain): string[] => rules.map((r) => `add rule @ ${name} ${r}`);

/** What goes; what refers to others first. */
function removals(before: NftContent, wanted: NftContent): string[] {
  const stale = [...before.chains.keys()].filter((name) => !wanted.chains.has(name));
  const staleSets = [...before.sets]
    .filter(([name]) => !wanted.sets.has(name))
    .sort(([, a], [, b]) => Number(isMap(b)) - Number(isMap(a)));
  return [
    ...stale.map((name) => `flush chain @ ${name}`),
    ...staleSets.map(([name, s]) => `delete ${isMap(s) ? 'map' : 'set'} @ ${name}`),
    ...stale.map((name) => `delete chain @ ${name}`),
  ];
}

function elementChanges(
  set: string,
  old: ReadonlyMap<string, string> | undefined,
  wanted: ReadonlyMap<string, string>,
): string[] {
  if (old === wanted) return [];
  const gone: string[] = [];
  const come: string[] = [];
  for (const [key, value] of old ?? []) if (wanted.get(key) !== value) gone.push(key);
  for (const entry of wanted) if (old?.get(entry[0]) !== entry[1]) come.push(withValue(entry));
  return [...elementCommands('delete', set, gone), ...elementCommands('add', set, come)];
}

/** One table of ours in the kernel. */
export class NftTable {
  readonly #exec: Exec;
  readonly #name: string;
  readonly #once: NftRunner;
  readonly #changes: NftRunner;
  #nextThorough = 0;
  /** What the kernel holds: all of it, or no longer known as a whole after a `change`; undefined: unknown. */
  #applied:
    | {
        readonly whole?: NftContent;
        readonly guard: readonly [chain: string, rules: number] | undefined;
        readonly elements: number;
      }
    | undefined;

  /** @param name family and name, such as "inet coxswain". @param changes takes what is done in place, which is short mostly */
  constructor(exec: Exec, name: string, changes?: NftRunner) {
    this.#exec = exec;
    this.#name = name;
    this.#once = nftOnce(exec);
    this.#changes = changes ?? this.#once;
  }

  /**
   * Makes the table hold this, changing only what differs from the last call, or making the table anew, at one stroke too.
   * @throws Error with nft's words
   */
  async apply(content: NftContent, { anew = false } = {}): Promise<void> {
    const old = anew ? undefined : this.#applied?.whole;
    const inPlace = old !== undefined && !mustStartOver(old, content);
    await this.#write(nftScripts(this.#name, old, content), inPlace ? this.#changes : this.#once);
    const filled = [...content.chains].find(([, c]) => c.hook && c.rules.length > 0);
    const guard = filled && ([filled[0], filled[1].rules.length] as const);
    this.#applied = { whole: content, guard, elements: elementsOf(content) };
  }

  /**
   * Changes a part of what the table holds: both contents name all that differs, and nothing that does not.
   * @returns false when that cannot be done in place, or what the table holds is unknown: then the whole must be applied.
   * @throws Error with nft's words
   */
  async change(before: NftContent, after: NftContent): Promise<boolean> {
    const applied = this.#applied;
    if (!applied || mustStartOver(before, after)) return false;
    const scripts = nftScripts(this.#name, before, after);
    if (scripts.length === 0) return true;
    await this.#write(scripts, this.#changes);
    this.#applied = { guard: applied.guard, elements: applied.elements - elementsOf(before) + elementsOf(after) };
    return true;
  }

  async #write(scripts: readonly string[], runner: NftRunner): Promise<void> {
    if (scripts.length === 0) return;
    // What is in the kernel after a failure is unknown.
    this.#applied = undefined;
    for (const script of scripts) await runner.run(script);
  }

  /**
   * False when somebody took the table, or the rules of its first chain, away; the next `apply` then writes everything. To
   * see rules nft reads all elements of the table: where these are many that is done less often than to see the chain.
   */
  async intact(): Promise<boolean> {
    const { guard, elements = 0 } = this.#applied ?? {};
    if (!guard) return true;
    const thorough = performance.now() >= this.#nextThorough;
    if (thorough) this.#nextThorough = performance.now() + elements * PAUSE_PER_ELEMENT_MS;
    if (await (thorough ? this.#hasRules(...guard) : this.#hasChain(guard[0]))) return true;
    this.#applied = undefined;
    return false;
  }

  async #hasRules(chain: string, rules: number): Promise<boolean> {
    const r = await this.#exec('nft', ['-t', 'list', 'chain', ...this.#name.split(' '), chain], {
      timeoutMs: NFT_TIMEOUT_MS,
    });
    // Hook line, name, table and braces are there even in an empty chain.
    const lines = r.stdout.split('\n').filter((l) => l.trim() !== '').length;
    return r.code === 0 && lines >= rules + 5;
  }

  async #hasChain(chain: string): Promise<boolean> {
    const [family = ''] = this.#name.split(' ');
    const { stdout } = await this.#exec('nft', ['list', 'chains', family], { timeoutMs: NFT_TIMEOUT_MS });
    const [, table = ''] = stdout.split(`table ${this.#name} {\n`);
    return (table.split('\n}')[0] ?? '').includes(`\tchain ${chain} {`);
  }

  /** Takes the table away, if it is there. */
  async remove(): Promise<void> {
    this.#applied = undefined;
    await this.#once.run(`add table ${this.#name}\ndelete table ${this.#name}\n`);
  }
}
