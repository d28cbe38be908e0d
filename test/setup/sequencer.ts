import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What keeps both processors busy from beginning to end, while others mostly wait; their size says nothing of it. */
const BUSY = /\/(cox-parity|agent-cgroups|network-ipvs)\.test\.ts$/;

/** The largest or slowest files first, as vitest does, but the busy ones apart from each other and beside such as wait. */
export class BusyApart extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const busy = sorted.filter((f) => BUSY.test(f.moduleId));
    const order = sorted.filter((f) => !BUSY.test(f.moduleId));
    const apart = Math.ceil(order.length / (busy.length || 1));
    for (const [i, file] of busy.entries()) order.splice(i * (apart + 1), 0, file);
    return order;
  }
}
