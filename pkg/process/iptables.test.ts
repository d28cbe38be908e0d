import { beforeEach, describe, expect, test } from 'vitest';
import type { Exec } from './exec.ts';
import { type Chain, chainsText, Iptables, type Jump } from './iptables.ts';

const JUMPS: readonly Jump[] = [
  { table: 'nat', from: 'OUTPUT', rule: '-j OURS' },
  { table: 'filter', from: 'INPUT', rule: '-m conntrack --ctstate NEW -j OURS-TOO' },
];
const FILLED: readonly Chain[] = [{ table: 'nat', name: 'OURS' }];

let calls: { line: string; input: unknown }[];
let answers: { code: number; stdout?: string; stderr?: string }[];
const exec: Exec = async (command, args, options) => {
  calls.push({ line: [command, ...args].join(' '), input: options?.input });
  return { stdout: '', stderr: '', ...(answers.shift() ?? { code: 0 }) };
};
const iptables = new Iptables(exec, 'IPv4');
beforeEach(() => {
  calls = [];
  answers = [];
});

describe('what is there', () => {
  const listed = '-N OURS\n-A OURS -j RETURN\n';
  test.each([
    ['all', { code: 0, stdout: listed }, true],
    ['a jump or a chain is missing', { code: 1, stdout: listed }, false],
    ['a chain is empty', { code: 0, stdout: '-N OURS\n' }, false],
    ['another chain of a longer name is filled', { code: 0, stdout: '-N OURS\n-A OURS-TOO -j RETURN\n' }, false],
  ])('%s', async (_, answer, holds) => {
    answers = [answer];
    expect(await iptables.holds(JUMPS, FILLED)).toBe(holds);
    expect(calls).toEqual([
      {
        line: 'iptables-restore --noflush -w 60',
        input:
          '*nat\n-C OUTPUT -j OURS\n-S OURS\nCOMMIT\n*filter\n-C INPUT -m conntrack --ctstate NEW -j OURS-TOO\nCOMMIT\n',
      },
    ]);
  });
});

test('jumps are put in only where they are missing', async () => {
  answers = [{ code: 0 }, { code: 1 }, { code: 0 }];
  await iptables.ensureJumps(JUMPS);
  expect(calls.map((c) => c.line)).toEqual([
    'iptables -w 60 -t nat -C OUTPUT -j OURS',
    'iptables -w 60 -t filter -C INPUT -m conntrack --ctstate NEW -j OURS-TOO',
    'iptables -w 60 -t filter -I INPUT -m conntrack --ctstate NEW -j OURS-TOO',
  ]);
});

test('they are taken away until none is left', async () => {
  answers = [{ code: 0 }, { code: 0 }, { code: 1 }, { code: 1 }];
  await iptables.removeJumps(JUMPS);
  expect(calls.filter((c) => c.line.includes('-D OUTPUT'))).toHaveLength(3);
  expect(calls.filter((c) => c.line.includes('-D INPUT'))).toHaveLength(1);
});

test('what iptables says is told', async () => {
  answers = [{ code: 2, stderr: 'line 3 failed\n' }];
  await expect(iptables.restore('*nat\nCOMMIT\n')).rejects.toThrow('iptables-restore failed: line 3 failed');
  answers = [{ code: 1 }, { code: 4, stderr: 'no such chain' }];
  await expect(iptables.ensureJumps(JUMPS)).rejects.toThrow('iptables -t nat -I OUTPUT failed: no such chain');
});

test('rules of IPv6 have programs of their own', async () => {
  const six = new Iptables(exec, 'IPv6');
  answers = [{ code: 0 }, { code: 0 }, { code: 2, stderr: 'line 3 failed' }];
  await six.run(['-S']);
  await six.restore('*nat\nCOMMIT\n');
  await expect(six.restore('')).rejects.toThrow('ip6tables-restore failed: line 3 failed');
  expect(calls.slice(0, 2).map((c) => c.line)).toEqual(['ip6tables -w 60 -S', 'ip6tables-restore --noflush -w 60']);
});

test('chains are written whole, stale ones removed', () => {
  expect(chainsText('nat', new Map([['A', ['-j B']]]), ['OLD'])).toBe(
    '*nat\n:A - [0:0]\n:OLD - [0:0]\n-A A -j B\n-X OLD\nCOMMIT\n',
  );
});

test('the last chain by name comes first, whatever the order they are given in', () => {
  const chains = new Map(['B', 'C', 'A'].map((name): [string, string[]] => [name, ['-j RETURN']]));
  const text = chainsText('nat', chains);
  expect(text.match(/(?<=^:)\w/gm)?.join('')).toBe('CBA');
  expect(text.match(/(?<=^-A )\w/gm)?.join('')).toBe('CBA');
});
