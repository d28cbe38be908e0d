import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { readLine } from './line.ts';

function program(): Command {
  const p = new Command('cox').option('-n, --namespace <name>', '');
  p.command('get [what...]').option('-o, --output <format>', '').option('-w, --watch', '');
  const rollout = p.command('rollout');
  rollout.command('status [what...]').alias('st');
  return p;
}

describe('a line that is being typed', () => {
  test.each([
    [['ge'], { path: [], args: [], current: 'ge' }],
    [['get', 'po', ''], { path: ['get'], args: ['po'], current: '' }],
    [['get', '-n', 'kube-system', 'po', 'x'], { path: ['get'], args: ['po'], current: 'x' }],
    [['-n', 'a', 'rollout', 'st', 'deploy', ''], { path: ['rollout', 'status'], args: ['deploy'], current: '' }],
    [['get', '-w', 'po', ''], { path: ['get'], args: ['po'], current: '' }],
    [['get', 'get', ''], { path: ['get'], args: ['get'], current: '' }],
    [['get', '--', 'x'], { foreign: true }],
    [['get', '--output=js'], { current: 'js', prefix: '--output=' }],
    [[], { path: [], args: [], current: '' }],
  ])('%j', (words, wanted) => {
    expect(readLine(program(), words)).toMatchObject(wanted);
  });

  test('a flag whose value is typed, and values given before', () => {
    const line = readLine(program(), ['get', '-n', 'shop', '-o', 'js']);
    expect(line.flag?.long).toBe('--output');
    expect(line.flags.get('--namespace')).toBe('shop');
    expect(readLine(program(), ['get', '--namespace=a', '']).flags.get('--namespace')).toBe('a');
  });
});
