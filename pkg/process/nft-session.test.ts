import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '#async/clock.ts';
import { NftSession, type NftSessionOptions } from './nft-session.ts';

/** Busy machines start programs late. */
const startMs = 60_000;
let once: string[] = [];
let session: NftSession | undefined;
const open = (command: readonly [string, ...string[]], more: Partial<NftSessionOptions> = {}): NftSession => {
  once = [];
  const runner = { run: async (script: string) => void once.push(script) };
  session = new NftSession({ once: runner, command, startMs, ...more });
  return session;
};
afterEach(() => session?.close());

describe('with nft', () => {
  const nft = () => open(['unshare', '--net', 'nft', '-i']);
  const table = 'add table ip t\nadd map ip t m { type ipv4_addr : verdict; }\nadd chain ip t c\n';

  test('scripts follow one another, with all their lines', async () => {
    const s = nft();
    const rules = 'add rule ip t c ip saddr != 10.0.0.0/8 counter\nadd element ip t m { 10.0.0.1 : goto c }\n';
    await Promise.all([s.run(table), s.run(rules), s.run('delete element ip t m { 10.0.0.1 }\n')]);
    await expect(s.run('delete element ip t m { 10.0.0.1 }\n')).rejects.toThrow(
      /^nft: Error: Could not process rule: No such file or directory\ndelete element ip t m \{ 10.0.0.1 \}\n *\^+$/,
    );
    expect(once).toEqual([]);
  });

  test('all of a script or nothing; what follows is not held to account', async () => {
    const s = nft();
    await s.run(table);
    await expect(s.run('add chain ip t other\ndelete chain ip t none\n')).rejects.toThrow('nft: Error: Could not');
    await expect(s.run('delete chain ip t other\n')).rejects.toThrow('nft: Error: Could not');
    await expect(s.run('add nonsense\n')).rejects.toThrow('nft: Error: syntax error');
    await s.run('delete chain ip t c\n');
  });

  test('a long script has a process of its own', async () => {
    const elements = Array.from({ length: 1000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
    const script = `add element ip t s { ${elements.join(', ')} }\n`;
    await nft().run(script);
    expect(once).toEqual([script]);
  });
});

describe('with a program that is not well', () => {
  const answer = 'printf "Error: what is this\\n%s\\n  ^\\n" "$l" >&2';
  const program = (cases: string): [string, ...string[]] => [
    ...(['sh', '-c'] as const),
    `while read -r l; do case "$l" in line_*) ${answer};; ${cases} *) ;; esac; done`,
  ];

  test('killed half-way: an error, and the next script is for another', async () => {
    const s = open(program('die) kill -KILL $$;;'));
    await s.run('first');
    await expect(s.run('die')).rejects.toThrow('nft ended (SIGKILL) before it answered');
    await s.run('next');
    expect(once).toEqual([]);
  });

  test('silent: it is ended', async () => {
    const s = open(program('hang) exec sleep 300;;'), { timeoutMs: 100 });
    await expect(s.run('hang')).rejects.toThrow('nft did not answer within 100 ms');
  });

  test('talking without end', async () => {
    const s = open(program('talk) exec yes >&2;;'));
    await expect(s.run('talk')).rejects.toThrow('nft said more than 1048576 characters');
  });

  test.each<[string, [string, ...string[]]]>([
    ['not there', ['coxswain-no-such-program']],
    ['not willing', ['sh', '-c', 'echo "Error: no CLI" >&2; exit 1']],
  ])('%s: each script has a process of its own', async (_, command) => {
    const s = open(command);
    await s.run('first');
    await s.run('second');
    expect(once).toEqual(['first', 'second']);
  });

  const FORGETFUL = 'first) first=1;; next) test -z "$first" || echo still >&2;;';

  test('not needed for a while: it ends, and another one is there for the next script', async () => {
    const s = open(program(FORGETFUL), { idleMs: 0 });
    await s.run('first');
    await systemClock.sleep(1);
    await s.run('next');
  });

  test('after a thousand scripts another one takes over', async () => {
    const s = open(program(FORGETFUL));
    await s.run('first');
    for (let i = 0; i < 1000; i++) await s.run('more');
    await s.run('next');
    expect(once).toEqual([]);
  });
});
