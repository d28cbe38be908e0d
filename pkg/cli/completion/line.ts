import type { Command, Option } from 'commander';

/** What a line that is being typed says so far. */
export interface Line {
  readonly command: Command;
  /** Names of the commands, from below the program: ["config", "use-context"]. */
  readonly path: readonly string[];
  /** Words of the command that are no flags. */
  readonly args: readonly string[];
  /** Values of flags, by long name. */
  readonly flags: ReadonlyMap<string, string>;
  /** The flag whose value is being typed. */
  readonly flag?: Option;
  /** What is typed of the present word; of its value after "--flag=". */
  readonly current: string;
  /** "--flag=", when the value is typed in the same word. */
  readonly prefix: string;
  /** Behind "--": words of another program's line. */
  readonly foreign: boolean;
}

const optionsOf = (command: Command): Option[] => {
  const above = command.parent ? optionsOf(command.parent) : [];
  return [...command.options, ...above];
};

const named = (command: Command, flag: string): Option | undefined =>
  optionsOf(command).find((o) => o.long === flag || o.short === flag);

const takesValue = (o: Option | undefined): boolean => o !== undefined && (o.required || o.optional);

const subcommand = (command: Command, word: string): Command | undefined =>
  command.commands.find((c) => c.name() === word || c.aliases().includes(word));

/** Reads the words of a line; the last is the one being typed, perhaps empty. */
export function readLine(program: Command, words: readonly string[]): Line {
  const before = words.slice(0, -1);
  const current = words.at(-1) ?? '';
  let command = program;
  const path: string[] = [];
  const args: string[] = [];
  const flags = new Map<string, string>();
  let open: Option | undefined;
  for (const word of before) {
    if (open) {
      flags.set(open.long ?? '', word);
      open = undefined;
    } else if (word === '--') return { command, path, args, flags, current, prefix: '', foreign: true };
    else if (word.startsWith('-')) {
      const [name = '', value] = word.split(/=(.*)/s);
      const option = named(command, name);
      if (value !== undefined) flags.set(option?.long ?? name, value);
      else if (takesValue(option)) open = option;
      else flags.set(option?.long ?? name, 'true');
    } else {
      const below = args.length === 0 ? subcommand(command, word) : undefined;
      if (below) path.push(below.name());
      else args.push(word);
      command = below ?? command;
    }
  }
  const line = { command, path, args, flags, foreign: false };
  if (open) return { ...line, flag: open, current, prefix: '' };
  const [, name, value] = /^(--[a-z-]+=)(.*)$/s.exec(current) ?? [];
  const option = name ? named(command, name.slice(0, -1)) : undefined;
  if (name && value !== undefined && option) return { ...line, flag: option, current: value, prefix: name };
  return { ...line, current, prefix: '' };
}

/** A word that may come next, and what it is. */
export interface Word {
  readonly text: string;
  readonly about?: string;
}

/** Flags of a command that are not hidden. */
export const flagsOf = (command: Command): Word[] =>
  optionsOf(command)
    .filter((o) => !o.hidden && o.long)
    .map((o) => ({ text: o.long ?? '', about: o.description }));

export const commandsOf = (command: Command): Word[] =>
  command.commands.map((c) => ({ text: c.name(), about: c.description() }));
