import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { builtinKinds } from '#api/kinds/index.ts';
import type { Status } from '#api/meta/errors.ts';
import { systemExec } from '#process/exec.ts';
import { useCluster } from '../../../bed/suite.ts';
import { Wire } from '../http.ts';
import { Life } from './life.ts';
import { NAMESPACE, sampleOf } from './samples.ts';
import { type Wrong, wrongOnes } from './wrong.ts';

const cluster = useCluster('integration-contract', { apiservers: 1, without: ['scheduler', 'controller-manager'] });
let wire: Wire;
/** A certificate request, base64 of PEM. */
let request = '';
const kinds = builtinKinds.filter((k) => k.verbs.includes('create') && k.verbs.includes('delete'));

beforeAll(async () => {
  wire = await Wire.to(cluster());
  await wire.ok('POST', '/api/v1/namespaces', { metadata: { name: NAMESPACE } });
  await wire.ok('POST', `/api/v1/namespaces/${NAMESPACE}/serviceaccounts`, { metadata: { name: 'default' } });
  const file = join(cluster().dir, 'request');
  const made = ['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=x', '-keyout', `${file}.key`];
  await systemExec('openssl', [...made, '-out', file]);
  request = readFileSync(file).toString('base64');
});

test('every kind that can be made has a sample', () => {
  expect(kinds.filter((k) => !sampleOf(k)).map((k) => k.plural)).toEqual([]);
  expect(kinds.length).toBeGreaterThan(45);
});

describe.each(kinds.map((k) => [`${k.plural}.${k.group}`, k] as const))('%s', (_name, kind) => {
  test('from its creation to its end', async () => {
    const life = new Life(wire, kind, request);
    await life.create();
    await life.read();
    await life.update();
    await life.patch();
    await life.status();
    await life.delete();
    await life.watched();
  });

  test('wrong requests are told what is wrong', async () => {
    const differing: object[] = [];
    for (const wrong of wrongOnes(kind)) {
      const difference = await differenceOf(wrong);
      if (difference) differing.push(difference);
    }
    expect(differing).toEqual([]);
  });
});

/** What is not as it should be in the answer to a wrong request. */
async function differenceOf({ name, method, path, options, ...want }: Wrong): Promise<object | undefined> {
  counted++;
  const status = await wire
    .fails(method, path, options)
    .catch((e: Error): Partial<Status> => ({ code: 200, reason: e.message }));
  const fields = status.details?.causes?.map((c) => c.field) ?? [];
  const same = status.code === want.code && status.reason === want.reason;
  if (same && (!want.field || fields.includes(want.field))) return undefined;
  return { name, want, got: { code: status.code, reason: status.reason, fields } };
}
let counted = 0;
afterAll(() => console.log(`${counted} wrong requests`));
