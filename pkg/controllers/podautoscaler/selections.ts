import type { HorizontalPodAutoscaler, Pod } from '#api/kinds/index.ts';
import { parseLabelSelector, type Selector } from '#api/meta/labels.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { keyOf } from '../harness/controller.ts';
import { Obstacle } from './status.ts';

type Hpa = Stored<HorizontalPodAutoscaler>;

const obstacle = (reason: string, message: string, event = { reason, message }): Obstacle =>
  new Obstacle('ScalingActive', reason, message, event);

/** Which pods each autoscaler looks at: of two that look at the same ones, each would undo what the other does. */
export class Selections {
  readonly #known = new Map<string, { readonly hpa: Hpa; readonly selector: Selector }>();

  /**
   * @param text selector of its pods, as the scale of its target tells it
   * @returns those of `all`, the pods of its namespace, that are its own
   * @throws Obstacle if there is no selector, or others select some of them too
   */
  podsOf(hpa: Hpa, text: string, all: Iterable<Stored<Pod>>): Stored<Pod>[] {
    const missing = "the HPA target's scale is missing a selector";
    if (!text)
      throw obstacle('InvalidSelector', missing, { reason: 'SelectorRequired', message: 'selector is required' });
    const selector = parseLabelSelector(text);
    this.#known.set(hpa.metadata.uid, { hpa, selector });
    const pods = [...all].filter((p) => selector.matches(p.metadata.labels ?? {}));
    const rivals = [...this.#known.values()].filter(
      (k) =>
        k.hpa.metadata.namespace === hpa.metadata.namespace &&
        pods.some((p) => k.selector.matches(p.metadata.labels ?? {})),
    );
    if (rivals.length < 2) return pods;
    const names = rivals.map((k) => keyOf(k.hpa)).sort();
    throw obstacle(
      'AmbiguousSelector',
      `pods by selector ${text} are controlled by multiple HPAs: [${names.join(' ')}]`,
    );
  }

  /** It looks at no pods any more. */
  forget({ metadata }: Hpa): void {
    this.#known.delete(metadata.uid);
  }
}
