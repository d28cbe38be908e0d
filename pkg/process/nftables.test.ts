import { describe, expect, test } from 'vitest';
import type { Exec } from './exec.ts';
import { type NftContent, NftTable, nftScripts } from './nftables.ts';

const T = 'inet t';
const content = (
  sets: Record<string, [string, Record<string, string>]>,
  chains: Record<string, string[]>,
): NftContent => ({
  sets: new Map(
    Object.entries(sets).map(([name, [declaration, elements]]) => [
      name,
      { declaration, elements: new Map(Object.entries(elements)) },
    ]),
  ),
  chains: new Map(
    Object.entries(chains).map(([name, rules]) => [
      name,
      name === 'base' ? { hook: 'type filter hook input priority 0;', rules } : { rules },
    ]),
  ),
});
const SET = 'type ipv4_addr;';
const MAP = 'type ipv4_addr : verdict;';
const one = content({ s: [SET, { '10.0.0.1': '' }], m: [MAP, { '10.0.0.1': 'goto x' }] }, { base: ['a'], x: ['drop'] });

test('from nothing: whatever was there is replaced', () => {
  const [script = '', ...more] = nftScripts(T, undefined, one);
  expect(more).toEqual([]);
  expect(script.split('\n')).toEqual([
    'add table inet t',
    'delete table inet t',
    'add table inet t',
    'add set inet t s { type ipv4_addr; }',
    'add map inet t m { type ipv4_addr : verdict; }',
    'add chain inet t base { type filter hook input priority 0; }',
    'add chain inet t x',
    'add rule inet t base a',
    'add rule inet t x drop',
    'add element inet t s { 10.0.0.1 }',
    'add element inet t m { 10.0.0.1 : goto x }',
    '',
  ]);
});

describe('what differs', () => {
  test.each<[string, NftContent, string[]]>([
    ['nothing', one, []],
    [
      'elements',
      content(
        { s: [SET, { '10.0.0.2': '' }], m: [MAP, { '10.0.0.1': 'goto y' }] },
        { base: ['a'], x: ['drop'], y: ['drop'] },
      ),
      [
        'add chain inet t y',
        'add rule inet t y drop',
        'delete element inet t s { 10.0.0.1 }',
        'add element inet t s { 10.0.0.2 }',
        'delete element inet t m { 10.0.0.1 }',
        'add element inet t m { 10.0.0.1 : goto y }',
      ],
    ],
    [
      'rules',
      content({ s: one.sets.get('s') && [SET, { '10.0.0.1': '' }], m: [MAP, { '10.0.0.1': 'goto x' }] } as never, {
        base: ['b'],
        x: ['drop'],
      }),
      ['flush chain inet t base', 'add rule inet t base b'],
    ],
    [
      'what goes: first what refers to others',
      content({ s: [SET, { '10.0.0.1': '' }] }, { base: ['a'] }),
      ['flush chain inet t x', 'delete map inet t m', 'delete chain inet t x'],
    ],
  ])('%s', (_, wanted, lines) => {
    expect(nftScripts(T, one, wanted).join('')).toBe(lines.map((l) => `${l}\n`).join(''));
  });

  test('new chains and sets are there, whole, before anything leads to them', () => {
    const wanted = content(
      { s: [SET, { '10.0.0.1': '' }], t: [SET, { '10.0.0.3': '' }], m: [MAP, { '10.0.0.1': 'goto y' }] },
      { base: ['b'], y: ['drop'] },
    );
    expect(nftScripts(T, one, wanted).map((s) => s.trim().split('\n'))).toEqual([
      [
        'add set inet t t { type ipv4_addr; }',
        'add chain inet t y',
        'add rule inet t y drop',
        'add element inet t t { 10.0.0.3 }',
      ],
      [
        'flush chain inet t base',
        'add rule inet t base b',
        'delete element inet t m { 10.0.0.1 }',
        'add element inet t m { 10.0.0.1 : goto y }',
        'flush chain inet t x',
        'delete chain inet t x',
      ],
    ]);
  });

  test('a set of another type, or a chain of another hook: all anew', () => {
    const other = content({ s: ['type inet_service;', { 1: '' }] }, { base: ['a'] });
    expect(nftScripts(T, one, other)).toEqual(nftScripts(T, undefined, other));
  });

  test('many elements make several commands', () => {
    const many = Object.fromEntries(Array.from({ length: 5001 }, (_, i) => [`${i}`, '']));
    const lines = nftScripts(T, content({ s: [SET, {}] }, {}), content({ s: [SET, many] }, {}))
      .join('')
      .trim()
      .split('\n');
    expect(lines).toHaveLength(2);
    expect(lines[1]).toBe('add element inet t s { 5000 }');
  });
});

describe('a table', () => {
  const scripts: string[] = [];
  const lists: string[] = [];
  let listing = '';
  let fail = false;
  const exec: Exec = async (_command, args, options) => {
    if (args.includes('list')) {
      lists.push(args.join(' '));
      return { code: listing === '' ? 1 : 0, stdout: listing, stderr: '' };
    }
    scripts.push(String(options?.input));
    return { code: fail ? 1 : 0, stdout: '', stderr: 'no such thing\n' };
  };
  const table = new NftTable(exec, T);
  const whole = 'table inet t {\n chain base {\n  type filter hook input priority 0;\n  a\n }\n}\n';

  test('the same again costs nothing, a failure makes the next write whole', async () => {
    await table.apply(one);
    await table.apply(one);
    expect(scripts).toHaveLength(1);
    fail = true;
    await expect(table.apply(content({}, {}))).rejects.toThrow('nft: no such thing');
    fail = false;
    await table.apply(one);
    expect(scripts.at(-1)).toContain('delete table inet t\n');
  });

  test('what is done in place is for another runner', async () => {
    const changes: string[] = [];
    const changing = new NftTable(exec, T, { run: async (script) => void changes.push(script) });
    const before = scripts.length;
    await changing.apply(one);
    await changing.apply(content({ s: [SET, {}] }, { base: ['a'] }));
    await changing.apply(content({ s: [MAP, {}] }, { base: ['a'] }));
    await changing.apply(one, { anew: true });
    expect(changes).toHaveLength(1);
    expect(scripts.slice(before).map((s) => s.includes('delete table'))).toEqual([true, true, true]);
  });

  test.each([
    ['there', whole, true],
    ['emptied', whole.replace('  a\n', ''), false],
    ['gone', '', false],
  ])('%s', async (_, text, intact) => {
    await table.apply(one);
    listing = text;
    expect(await table.intact()).toBe(intact);
    scripts.length = 0;
    await table.apply(one);
    expect(scripts).toHaveLength(intact ? 0 : 1);
  });

  test('where there are many elements, most looks are at the chain alone', async () => {
    const slow = new NftTable(exec, T);
    const many = Object.fromEntries(Array.from({ length: 30_000 }, (_, i) => [`${i}`, '']));
    await slow.apply(content({ s: [SET, many] }, { base: ['a'] }));
    listing = whole;
    lists.length = 0;
    expect(await slow.intact()).toBe(true);
    const elsewhere = 'table inet other {\n\tchain base {\n\t}\n}\n';
    for (const [text, there] of [
      [`${elsewhere}table inet t {\n\tchain x {\n\t}\n\tchain base {\n\t\ttype filter\n\t}\n}\n`, true],
      [`table inet t {\n\tchain x {\n\t}\n}\n${elsewhere}`, false],
    ] as const) {
      listing = text;
      expect(await slow.intact()).toBe(there);
    }
    expect(lists).toEqual(['-t list chain inet t base', 'list chains inet', 'list chains inet']);
  });
});
