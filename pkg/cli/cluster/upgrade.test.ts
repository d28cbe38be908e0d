import { expect, test } from 'vitest';
import { FakeClock } from '#async/fake-clock.ts';
import { type Component, upgradeRolling } from './upgrade.ts';

const world = (sick: string) => {
  const seen: string[] = [];
  const looks: Record<string, number> = {};
  const component = (name: string): Component => ({
    name,
    log: `/log/${name}`,
    restart: async () => void seen.push(name),
    healthy: async () => {
      looks[name] = (looks[name] ?? 0) + 1;
      if (name === sick) throw new Error('port is taken');
      return looks[name] > 2;
    },
  });
  return { seen, components: ['a', 'b', 'c'].map(component) };
};
const quick = () => {
  const clock = new FakeClock();
  return { now: () => clock.now(), after: clock.after.bind(clock), sleep: (ms: number) => clock.advance(ms) };
};

test('each is begun when the one before is well', async () => {
  const { seen, components } = world('');
  let said = '';
  await upgradeRolling(
    (text) => {
      said += text;
    },
    components,
    quick() as never,
  );
  expect(seen).toEqual(['a', 'b', 'c']);
  expect(said).toMatch(/^a: runs anew, well after 0\.4 s\nb: .*\nc: /);
});

test('the first that does not come back ends it, and the rest is left', async () => {
  const { seen, components } = world('b');
  await expect(upgradeRolling(() => {}, components, quick() as never)).rejects.toThrow(
    'b has not come back within 90 s: port is taken; see /log/b; not begun: c',
  );
  expect(seen).toEqual(['a', 'b']);
});
