import type { Column } from '../../kind.ts';
import { formatLabelSelector, type LabelSelectorLike } from '../../meta/labels.ts';
import { column, NONE, wide } from './columns.ts';

interface Template {
  spec?: { containers?: readonly { name: string; image?: string }[] };
}

/** "a=1,b in (x,y)"; "<none>" for an empty or missing selector. */
export const selectorText = (s: LabelSelectorLike | undefined): string => (s && formatLabelSelector(s)) || NONE;

/** CONTAINERS and IMAGES of a pod template, for `-o wide`. */
export const templateColumns = <T>(template: (o: T) => Template | undefined): Column<T>[] => {
  const list = (o: T) => template(o)?.spec?.containers ?? [];
  return [
    wide(
      column<T>('Containers', 'Names of the containers in the template.', (o) =>
        list(o)
          .map((c) => c.name)
          .join(','),
      ),
    ),
    wide(
      column<T>('Images', 'Images of the containers in the template.', (o) =>
        list(o)
          .map((c) => c.image ?? '')
          .join(','),
      ),
    ),
  ];
};

/** SELECTOR, for `-o wide`. */
export const selectorColumn = <T>(text: (o: T) => string): Column<T> =>
  wide(column<T>('Selector', 'Which pods belong to it.', text));
