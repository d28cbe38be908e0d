import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What keeps a processor busy from beginning to end, while others mostly wait; their size says nothing of it. */
const BUSY = ['cox-parity', 'agent-cgroups', 'network-ipvs', 'network-ipvs-node'];
/** What takes more than a minute and a half, the longest first: were one of them last, the others would wait for it. */
const LONG = ['up', 'cox-cluster', 'chaos', 'network-services', 'agent-pressure', 'agent-lifecycle', 'network-dual'];
/** Files beside each busy one, which takes three to five times as long as they do. */
const APART = 6;

const of = (files: TestSpecification[], names: readonly string[]): TestSpecification[] =>
  names.flatMap((name) => files.filter((f) => f.moduleId.endsWith(`/e2e/${name}.test.ts`)));

/** The longest files first, otherwise the largest, but the busy ones apart from each other and beside such as wait. */
export class BusyApart extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const busy = of(files, BUSY);
    const long = of(files, LONG);
    const known = new Set([...busy, ...long]);
    const order = [...long, ...(await super.sort(files)).filter((f) => !known.has(f))];
    for (const [i, file] of busy.entries()) order.splice(i * (APART + 1), 0, file);
    return order;
  }
}
