import { test as property } from '@fast-check/vitest';
import { expect } from 'vitest';
import { type Step, walks } from '../fake-process.ts';
import { type Accident, DEEDS, type Deed, Scene } from './scene.ts';

/** Walks that found something, shortened. */
const FOUND: Step<Deed | Accident>[][] = [
  // A claim of the same name got the volume of its predecessor, which the cache did not show yet.
  [
    ...([
      ['restore', 0, 0],
      ['again', 0, 0],
      ['tellKind', 0, 0],
      ['tell', 3, 0],
      ['early', 0, 1],
    ] as const),
    ...([
      ['noVolume', 0, 0],
      ['take', 0, 0],
      ['wanted', 0, 0],
      ['serve', 0, 0],
      ['turn', 0, 0],
    ] as const),
    ...([
      ['volume', 0, 0],
      ['volume', 0, 0],
      ['noVolume', 0, 0],
      ['tell', 0, 0],
      ['calm', 0, 0],
    ] as const),
  ],
  // A claim did not hear of the end of a volume that it named and that did not name it.
  [
    ...([
      ['meant', 0, 0],
      ['restore', 0, 9],
      ['twice', 1, 2],
      ['calm', 0, 0],
      ['volume', 0, 0],
    ] as const),
    ...([
      ['noClaim', 0, 0],
      ['noClaim', 0, 0],
      ['restore', 0, 6],
      ['wanted', 0, 0],
      ['begin', 1, 0],
    ] as const),
    ...([
      ['tell', 0, 0],
      ['noVolume', 0, 10],
      ['work', 0, 0],
      ['tell', 7, 0],
    ] as const),
  ],
  // The pod that had emptied a volume stayed for ever.
  [
    ['left', 3, 0],
    ['kill', 0, 0],
  ],
];

property.prop([walks(DEEDS)], { numRuns: 150, examples: FOUND.map((steps): [Step<Deed | Accident>[]] => [steps]) })(
  'claims and volumes are bound one to one, and all that can be, whatever happens in which order',
  async (steps) => {
    const scene = new Scene();
    for (const step of steps) await scene.run.step(step, scene.act);
    expect(await scene.end()).toEqual([]);
  },
);
