import { expect, test } from 'vitest';
import { Hairpin } from './hairpin.ts';

/** A bridge whose ports come with hairpin or without. */
function bridge() {
  const ports = new Map<string, boolean>();
  const calls = { looks: 0, set: [] as string[] };
  const hairpin = new Hairpin(async (_program, args) => {
    if (args.includes('show')) {
      calls.looks++;
      const shown = [...ports].map(([ifname, on]) => ({ ifname, master: 'cox0', hairpin: on }));
      return { code: 0, stderr: '', stdout: JSON.stringify([...shown, { ifname: 'x', master: 'docker0' }]) };
    }
    const name = args[3] ?? '';
    calls.set.push(name);
    ports.set(name, true);
    return { code: 0, stderr: '', stdout: '' };
  }, 'cox0');
  return { ports, calls, hairpin };
}

test('ports that lack it get it, each time', async () => {
  const { ports, calls, hairpin } = bridge();
  for (const name of ['a', 'b']) {
    ports.set(name, false);
    await hairpin.allow();
    // Nobody is new: that all ports have it now says nothing of the next one.
    await hairpin.allow();
  }
  expect(calls).toEqual({ looks: 4, set: ['a', 'b'] });
});

test('calls that come together are answered by one look', async () => {
  const { ports, calls, hairpin } = bridge();
  for (const name of ['a', 'b', 'c']) ports.set(name, false);
  await Promise.all([hairpin.allow(), hairpin.allow(), hairpin.allow()]);
  expect(calls).toEqual({ looks: 1, set: ['a', 'b', 'c'] });
});

test('where dockerd sets it, it is looked after now and then; should that cease, it is set again', async () => {
  const { ports, calls, hairpin } = bridge();
  ports.set('a', true);
  await hairpin.allow();
  ports.set('b', true);
  await hairpin.allow();
  expect(calls).toEqual({ looks: 1, set: [] });
  ports.set('c', false);
  await hairpin.allow();
  expect(calls.looks).toBe(1);
  await hairpin.repair();
  expect(calls).toEqual({ looks: 2, set: ['c'] });
  await hairpin.repair();
  expect(calls.looks).toBe(2);
  ports.set('d', false);
  await hairpin.allow();
  expect(calls.set).toEqual(['c', 'd']);
});
