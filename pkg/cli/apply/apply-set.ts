import { createHash } from 'node:crypto';
import { isNotFound } from '#api/meta/errors.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { type ApiResource, apiVersionOf, pathOf } from '../api/discovery.ts';
import type { WriteFlags } from '../commands/write.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { type Applied, pruneOne } from './prune.ts';

const ID = 'applyset.kubernetes.io/id';
const PART_OF = 'applyset.kubernetes.io/part-of';
const TOOLING = 'applyset.kubernetes.io/tooling';
const KINDS = 'applyset.kubernetes.io/contains-group-kinds';
const NAMESPACES = 'applyset.kubernetes.io/additional-namespaces';
/** kubectl's name: both keep sets in the same way and may be used in turn. */
const TOOL = 'kubectl/v1.33.0';
const MANAGER = 'kubectl-applyset';

const groupKind = (r: ApiResource): string => (r.group ? `${r.kind}.${r.group}` : r.kind);
const listed = (text: string | undefined): string[] => (text ?? '').split(',').filter(Boolean);

/**
 * Objects that belong together, kept by a parent object ("Declarative Management of Objects › ApplySets"): what is in the
 * set and not applied any more is deleted.
 */
export class ApplySet {
  readonly #ctx: CliContext;
  readonly #resource: ApiResource;
  readonly #name: string;
  /** Kinds and namespaces of members, before and now. */
  readonly #before: { readonly kinds: readonly string[]; readonly namespaces: readonly string[] };
  readonly id: string;

  private constructor(ctx: CliContext, resource: ApiResource, name: string, parent: KubeObject | undefined) {
    this.#ctx = ctx;
    this.#resource = resource;
    this.#name = name;
    const annotations = parent?.metadata?.annotations;
    this.#before = { kinds: listed(annotations?.[KINDS]), namespaces: listed(annotations?.[NAMESPACES]) };
    const what = [name, this.#namespace, resource.kind, resource.group].join('.');
    this.id = `applyset-${createHash('sha256').update(what).digest('base64url')}-v1`;
  }

  get #namespace(): string {
    return this.#resource.namespaced ? this.#ctx.namespace : '';
  }

  /** @param text "secret-name" or "TYPE/NAME". @throws CliError for an object that is no parent, or another tool's */
  static async open(ctx: CliContext, text: string): Promise<ApplySet> {
    const [first = '', second] = text.split('/');
    const resource = await (await ctx.discovery()).find(second === undefined ? 'secrets' : first);
    const name = second ?? first;
    let parent: KubeObject | undefined;
    try {
      parent = await ctx.rest.json<KubeObject>({ path: pathOf(resource, ctx.namespace, name) });
    } catch (e) {
      const builtin = resource.group === '' && (resource.plural === 'secrets' || resource.plural === 'configmaps');
      if (!isNotFound(e) || !builtin) throw e;
    }
    const set = new ApplySet(ctx, resource, name, parent);
    if (parent) set.#check(parent);
    return set;
  }

  #check(parent: KubeObject): void {
    const what = `ApplySet parent object "${this.#resource.plural}.${this.#resource.group}/${this.#name}"`.replace(
      './',
      '/',
    );
    const { labels, annotations } = parent.metadata ?? {};
    if (labels?.[ID] === undefined) throw new CliError(`${what} exists and is missing required label "${ID}"`);
    if (labels[ID] !== this.id)
      throw new CliError(`${what} has incorrect value "${labels[ID]}" for label "${ID}", not "${this.id}"`);
    const tooling = annotations?.[TOOLING] ?? '';
    if (tooling.split('/')[0] !== 'kubectl')
      throw new CliError(`${what} already exists and is managed by "${tooling}" instead of "kubectl"`);
  }

  /** The object as a member. @throws CliError for one that is in another set */
  member(o: KubeObject): KubeObject {
    const labels = { ...o.metadata?.labels };
    if (labels[PART_OF] !== undefined && labels[PART_OF] !== this.id)
      throw new CliError(`the label "${PART_OF}" is set by --applyset, not by files`);
    return { ...o, metadata: { ...o.metadata, labels: { ...labels, [PART_OF]: this.id } } };
  }

  /** Writes down what may be in the set from now on; before anything is applied with what was in it, so nothing is forgotten. */
  async announce(
    resources: readonly ApiResource[],
    namespaces: readonly string[],
    o: WriteFlags,
    last: boolean,
  ): Promise<void> {
    if (o.dryRun === 'client') return;
    const kinds = [...(last ? [] : this.#before.kinds), ...resources.map(groupKind)];
    const others = [...(last ? [] : this.#before.namespaces), ...namespaces].filter((n) => n !== this.#namespace);
    const text = (list: readonly string[]): string => [...new Set(list)].sort().join(',');
    const body = {
      apiVersion: apiVersionOf(this.#resource),
      kind: this.#resource.kind,
      metadata: {
        name: this.#name,
        ...(this.#namespace ? { namespace: this.#namespace } : {}),
        annotations: { [TOOLING]: TOOL, [KINDS]: text(kinds), [NAMESPACES]: text(others) },
        labels: { [ID]: this.id },
      },
    };
    await this.#ctx.rest.json({
      method: 'PATCH',
      path: pathOf(this.#resource, this.#ctx.namespace, this.#name),
      contentType: 'application/apply-patch+yaml',
      query: { fieldManager: MANAGER, force: false, ...(o.dryRun === 'server' ? { dryRun: 'All' } : {}) },
      body: JSON.stringify(body),
    });
  }

  /** Deletes members that were not applied. */
  async prune(resources: readonly ApiResource[], applied: Applied, o: WriteFlags): Promise<void> {
    const discovery = await this.#ctx.discovery();
    const kinds = new Set([...this.#before.kinds, ...resources.map(groupKind)]);
    const namespaces = new Set([...this.#before.namespaces, ...applied.namespaces, this.#namespace].filter(Boolean));
    for (const kind of [...kinds].sort()) {
      const r = await discovery.find(kind);
      for (const namespace of r.namespaced ? namespaces : [undefined]) {
        const query = { labelSelector: `${PART_OF}=${this.id}` };
        const { items } = await this.#ctx.rest.json<{ items: KubeObject[] }>({ path: pathOf(r, namespace), query });
        for (const object of items)
          if (!applied.uids.has(object.metadata?.uid ?? '')) await pruneOne(this.#ctx, r, object, o);
      }
    }
  }
}
