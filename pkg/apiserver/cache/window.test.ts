import { expect, it } from 'vitest';
import { EventWindow } from './window.ts';

const revisionsAfter = (w: EventWindow<{ revision: number }>, from: number): (number | undefined)[] => {
  const out: (number | undefined)[] = [];
  for (let i = w.firstAfter(from); i < w.end; i++) out.push(w.at(i)?.revision);
  return out;
};

it('remembers no more events than allowed and knows from where it is complete', () => {
  const w = new EventWindow<{ revision: number }>({ events: 3, bytes: 1000 });
  w.reset(10);
  expect(w.start).toBe(10);
  for (let revision = 11; revision <= 5000; revision++) w.push({ revision }, 1);
  expect(w.start).toBe(4997);
  expect(revisionsAfter(w, 4997)).toEqual([4998, 4999, 5000]);
  expect(revisionsAfter(w, 4999)).toEqual([5000]);
  expect(revisionsAfter(w, 9999)).toEqual([]);
});

it('remembers no more bytes than allowed, but always the newest event', () => {
  const w = new EventWindow<{ revision: number }>({ events: 100, bytes: 10 });
  w.push({ revision: 1 }, 6);
  w.push({ revision: 2 }, 6);
  expect([w.start, ...revisionsAfter(w, 1)]).toEqual([1, 2]);
  w.push({ revision: 3 }, 50);
  expect([w.start, ...revisionsAfter(w, 2)]).toEqual([2, 3]);
});

it('keeps sequence numbers across a reset', () => {
  const w = new EventWindow<{ revision: number }>({ events: 10, bytes: 100 });
  w.push({ revision: 1 }, 1);
  w.reset(5);
  expect(w.firstAfter(0)).toBe(w.end);
  w.push({ revision: 6 }, 1);
  expect(w.at(w.end - 1)?.revision).toBe(6);
});
