import { expect, test } from 'vitest';
import { builtinKinds } from '#api/kinds/index.ts';
import { openApiV2, openApiV3 } from './documents.ts';

const groupVersions = [...new Set(builtinKinds.map((k) => `${k.group}/${k.version}`))];
const kindsOf = (gv: string) => builtinKinds.filter((k) => `${k.group}/${k.version}` === gv);
const refsOf = (document: object): string[] =>
  [...new Set([...JSON.stringify(document).matchAll(/"\$ref":"#([^"]*)"/g)].map(([, path]) => path ?? ''))].sort();
const at = (document: object, path: string): unknown =>
  path
    .split('/')
    .slice(1)
    .reduce<unknown>((o, key) => (o as Record<string, unknown> | undefined)?.[key], document);

test.each(groupVersions)('what %s refers to is there', (gv) => {
  const document = openApiV3(kindsOf(gv));
  expect(refsOf(document).filter((path) => at(document, path) === undefined)).toEqual([]);
});

test('what version 2 refers to is there', () => {
  const document = openApiV2(builtinKinds);
  expect(refsOf(document).filter((path) => at(document, path) === undefined)).toEqual([]);
});

const QUANTITY = 'io.k8s.apimachinery.pkg.api.resource.Quantity';
const PORT = 'io.k8s.apimachinery.pkg.util.intstr.IntOrString';
const TIME = 'io.k8s.apimachinery.pkg.apis.meta.v1.Time';

test('quantities, times and what may be a number or a text are known by their names, in both versions', () => {
  const three = openApiV3(kindsOf('/v1'));
  const core = (path: string) => at(three, `/components/schemas/${path}`);
  const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
  expect(core('io.k8s.api.core.v1.ResourceRequirements/properties/limits/additionalProperties')).toEqual(ref(QUANTITY));
  expect(core('io.k8s.api.core.v1.ServicePort/properties/targetPort')).toMatchObject({ allOf: [ref(PORT)] });
  expect(core(QUANTITY)).toMatchObject({ oneOf: [{ type: 'string' }, { type: 'number' }] });
  expect(core(TIME)).toMatchObject({ type: 'string', format: 'date-time' });
  const two = openApiV2(builtinKinds);
  expect(two.definitions[QUANTITY]).toMatchObject({ type: 'string' });
  expect(two.definitions[PORT]).toMatchObject({ type: 'string', format: 'int-or-string' });
});
