import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { parts } from './upgrade.ts';

const compose = parse(readFileSync(join(import.meta.dirname, '../../docker-compose.yml'), 'utf8'), { merge: true }) as {
  readonly services: Readonly<Record<string, unknown>>;
};

test('an upgrade replaces every service there is, the stores first and what reaches pods last', () => {
  expect(parts(async () => '').map((p) => p.service)).toEqual(Object.keys(compose.services));
});

test.each(['scheduler', 'controller-manager'])('%s is well when it has led since its start', async (service) => {
  const renewed = Date.parse('2026-01-01T00:00:10Z');
  const asked: string[][] = [];
  const [part] = parts(async (...args) => {
    asked.push(args);
    return new Date(renewed).toISOString();
  }).filter((p) => p.service === service);
  await part?.check(renewed - 1);
  await expect(part?.check(renewed)).rejects.toThrow(/nobody has led since its start/);
  expect(asked[0]).toContain(service === 'scheduler' ? 'kube-scheduler' : 'kube-controller-manager');
});
