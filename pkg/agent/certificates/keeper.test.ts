import { expect, test } from 'vitest';
import { renewalTime } from './keeper.ts';

test.each([
  [0, 700],
  [0.5, 750],
  [1, 800],
])('with luck %d a life of 1000 is over at %d', (luck, at) => {
  expect(renewalTime(5000, 6000, luck) - 5000).toBeCloseTo(at);
});
