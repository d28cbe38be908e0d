import { expect, test } from 'vitest';
import { staticPod } from './static-pods.ts';

const manifest = (more = '') => `apiVersion: v1
kind: Pod
metadata: { name: web }
spec:
  containers: [{ name: main, image: 'a/b:1'${more} }]
`;

test('a manifest becomes a pod of this node, with defaults', () => {
  const pod = staticPod('n1', 'web.yaml', manifest());
  expect(pod.metadata).toMatchObject({ name: 'web-n1', namespace: 'default' });
  expect(pod.metadata.annotations).toEqual({
    'kubernetes.io/config.hash': pod.metadata.uid,
    'kubernetes.io/config.source': 'file',
  });
  expect(pod.spec).toMatchObject({ nodeName: 'n1', restartPolicy: 'Always', terminationGracePeriodSeconds: 30 });
  expect(pod.spec?.containers[0]?.imagePullPolicy).toBe('IfNotPresent');
});

test('its identity is node, file and content', () => {
  const uid = (node: string, file: string, more = '') => staticPod(node, file, manifest(more)).metadata.uid;
  expect(uid('n', 'f')).toBe(uid('n', 'f'));
  expect(new Set([uid('n', 'f'), uid('m', 'f'), uid('n', 'g'), uid('n', 'f', ', tty: true')]).size).toBe(4);
});

test.each([
  ['', 'not a Pod'],
  ['kind: Service\napiVersion: v1', 'it holds a Service'],
  ['kind: Pod\napiVersion: v1\nmetadata: {}\nspec: { containers: [] }', 'metadata.name'],
  ['kind: Pod\napiVersion: v1\nmetadata: { name: a }\nspec: { containers: [] }', 'spec.containers: Required value'],
  ['kind: Pod\napiVersion: v1\nspec: 3', 'cannot unmarshal'],
])('%s: %s', (text, complaint) => {
  expect(() => staticPod('n', 'f', text)).toThrow(complaint);
});
