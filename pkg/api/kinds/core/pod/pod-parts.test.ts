import { describe, expect, test } from 'vitest';
import type { Pod } from './pod.ts';
import { podParts } from './pod-parts.ts';

const { ephemeralcontainers, resize } = podParts;

const container = (name: string, resources?: object, more: object = {}) => ({
  name,
  image: 'i',
  imagePullPolicy: 'Never',
  terminationMessagePolicy: 'File',
  ...(resources ? { resources } : {}),
  ...more,
});
const pod = (spec: object, metadata: object = {}): Pod =>
  ({
    metadata: { name: 'p', ...metadata },
    spec: { restartPolicy: 'Always', dnsPolicy: 'ClusterFirst', ...spec },
  }) as unknown as Pod;
const problems = (part: typeof resize, next: Pod, old: Pod): string[] =>
  (part?.validate(part.lay(next, old), old) ?? []).map((e) => `${e.field}: ${e.message}`);

describe('ephemeralcontainers', () => {
  const main = { containers: [container('main')] };
  const debug = container('debug');
  const old = pod({ ...main, ephemeralContainers: [debug] });

  test('changes nothing else of the pod', () => {
    const next = pod(
      { containers: [container('other')], ephemeralContainers: [debug, container('more')] },
      { labels: {} },
    );
    const laid = ephemeralcontainers?.lay(next, old);
    expect(laid?.spec?.containers).toEqual(old.spec?.containers);
    expect(laid?.spec?.ephemeralContainers).toHaveLength(2);
    expect(problems(ephemeralcontainers, next, old)).toEqual([]);
  });

  test.each<[string, object[], RegExp]>([
    ['removed', [], /"debug" may not be removed/],
    ['changed', [{ ...debug, image: 'x' }], /"debug" may not be changed/],
    ['named as another', [debug, container('main')], /spec.ephemeralContainers\[1\].name/],
    [
      'with a target that is not there',
      [debug, container('x', undefined, { targetContainerName: 'no' })],
      /targetContainerName/,
    ],
    [
      'with resources',
      [debug, container('x', { limits: { cpu: '1' } })],
      /\[1\]\.resources: Forbidden: cannot be set for an Ephemeral Container/,
    ],
    ['restarted', [debug, container('x', undefined, { restartPolicy: 'Always' })], /\[1\]\.restartPolicy: Forbidden/],
    [
      'with a part of a volume',
      [debug, container('x', undefined, { volumeMounts: [{ name: 'v', mountPath: '/v', subPath: 'a' }] })],
      /\[1\]\.volumeMounts\[0\]\.subPath: Forbidden/,
    ],
  ])('%s', (_, ephemeralContainers, complaint) => {
    expect(problems(ephemeralcontainers, pod({ ...main, ephemeralContainers }), old).join()).toMatch(complaint);
  });

  test('static pods have none', () => {
    const mirror = pod(main, { annotations: { 'kubernetes.io/config.mirror': 'x' } });
    expect(problems(ephemeralcontainers, pod({ ...main, ephemeralContainers: [debug] }), mirror).join()).toMatch(
      /static pods/,
    );
  });
});

describe('resize', () => {
  const both = (cpu: string, memory: string) => ({ limits: { cpu, memory }, requests: { cpu, memory } });
  const old = pod({
    containers: [container('a', both('1', '64Mi'))],
    initContainers: [container('i', both('1', '1Mi'))],
  });
  const to = (resources: object, more: object = {}) =>
    pod({ ...old.spec, containers: [container('a', resources, { image: 'ignored' })], ...more });

  test.each<[string, Pod, RegExp | undefined]>([
    ['more', to(both('2', '128Mi')), undefined],
    ['less CPU', to(both('500m', '64Mi')), undefined],
    ['less memory', to(both('1', '32Mi')), /memory limits cannot be decreased/],
    ['another class', to({ ...both('1', '64Mi'), requests: { cpu: '1', memory: '1Mi' } }), /QOS Class may not change/],
    ['no limit', to({ limits: { cpu: '1' }, requests: { cpu: '1' } }), /limits cannot be removed/],
    ['devices', to({ ...both('1', '64Mi'), limits: { cpu: '1', memory: '64Mi', 'a/b': '1' } }), /only cpu and memory/],
    [
      'an init container',
      to(both('1', '64Mi'), { initContainers: [container('i', both('2', '1Mi'))] }),
      /init containers are immutable/,
    ],
  ])('%s', (_, next, complaint) => {
    const found = problems(resize, next, old);
    if (complaint) expect(found.join()).toMatch(complaint);
    else expect(found).toEqual([]);
  });

  test('less memory is possible with a restart', () => {
    const more = { resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }] };
    const from = pod({ containers: [container('a', both('1', '64Mi'), more)] });
    expect(problems(resize, pod({ containers: [container('a', both('1', '32Mi'))] }), from)).toEqual([]);
  });

  test('takes nothing but resources', () => {
    expect(resize?.lay(to(both('2', '64Mi')), old).spec?.containers[0]).toEqual(container('a', both('2', '64Mi')));
  });
});
