import { Command } from 'commander';
import { expect, test } from 'vitest';
import { commandNames, GROUPS, groupsFor } from './groups.ts';
import { Session } from './session.ts';

const session = new Session([]);

test.each(GROUPS.map((g) => [g.names, g] as const))('%s: the group declares these commands', async (names, group) => {
  const program = new Command('cox');
  (await group.load())(program, session);
  expect(program.commands.flatMap((c) => [c.name(), ...c.aliases()]).join(' ')).toBe(names);
});

test('a command needs its group, anything else all of them', async () => {
  expect(await groupsFor('drain')).toHaveLength(1);
  for (const word of [undefined, '--help', 'help', 'no-such'])
    expect(await groupsFor(word)).toHaveLength(GROUPS.length);
  expect(new Set(commandNames()).size).toBe(commandNames().length);
});
