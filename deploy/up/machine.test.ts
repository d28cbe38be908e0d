import { expect, test } from 'vitest';
import { nodeName, refuseSameName } from './machine.ts';
import { extraNodes } from './nodes.ts';

test.each([
  ['Host.example.com', 'host'],
  ['my_host', 'my-host'],
  ['-', 'node1'],
])('the machine %s is node %s', (host, name) => {
  expect(nodeName(host)).toBe(name);
});

test('a machine may not be called as one of the further nodes', () => {
  expect(() => refuseSameName('node2', Object.keys(extraNodes(2)))).toThrow(/^this machine is called node2, /);
  expect(() => refuseSameName('node3', Object.keys(extraNodes(2)))).not.toThrow();
  expect(() => refuseSameName('node2', Object.keys(extraNodes(1)))).not.toThrow();
});
