import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '#async/clock.ts';
import { silentLogger } from '#process/logger.ts';
import { parseConfiguration } from '../config/configuration.ts';
import { makeNode, makePod, makeState } from '../fixtures.ts';
import { SchedulingCycle } from '../framework/cycle.ts';
import type { Victims } from '../plugins/default-preemption.ts';
import { Extender } from './extender.ts';
import { Extenders } from './placing.ts';

type Body = Readonly<Record<string, unknown>>;
/** What the server answers, by path; a number is a status, undefined: it never does. */
let answers: Record<string, (body: Body) => unknown> = {};
let asked: { path: string; body: Body }[] = [];
let server: Server;
let url = '';
beforeAll(async () => {
  // Kept connections do not end of their age, however late all is.
  server = createServer({ keepAliveTimeout: 0 }, (req, res) => {
    let text = '';
    req.on('data', (d) => {
      text += d;
    });
    req.on('end', () => {
      const body = JSON.parse(text) as Body;
      asked.push({ path: req.url ?? '', body });
      const answer = answers[req.url ?? '']?.(body);
      if (answer === undefined) return;
      res.statusCode = typeof answer === 'number' ? answer : 200;
      res.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.closeAllConnections());
beforeEach(() => {
  answers = {};
  asked = [];
});

const signal = new AbortController().signal;
const nodes = ['a', 'b', 'c'].map((n) => makeNode(n));
const names = (body: Body) => body.NodeNames as string[];

function setUp(...configs: object[]) {
  const { extenders } = parseConfiguration(
    JSON.stringify({
      apiVersion: 'kubescheduler.config.k8s.io/v1',
      kind: 'KubeSchedulerConfiguration',
      extenders: configs.map((c) => ({ urlPrefix: `${url}/x`, ...c })),
    }),
  );
  const state = makeState(nodes);
  const list = extenders.map((e) => new Extender(e, systemClock));
  const all = new Extenders({ extenders: list, state, logger: silentLogger });
  const cycle = new SchedulingCycle([]);
  const pod = makePod('p');
  return { state, all, list, pod, place: () => all.place(pod, cycle, all.for(pod), signal) };
}

describe('filter', () => {
  test('whole nodes are sent, and only those that pass are taken', async () => {
    answers['/x/filter'] = ({ Nodes }) => {
      const { items } = Nodes as { items: { metadata: { name: string } }[] };
      return { Nodes: { items: items.filter((n) => n.metadata.name === 'b') } };
    };
    const { place } = setUp({ filterVerb: 'filter' });
    expect(await place()).toMatchObject({ node: { name: 'b' }, feasible: 1 });
    expect(asked[0]?.body).toMatchObject({ Pod: { metadata: { name: 'p' } }, Nodes: { items: [{}, {}, {}] } });
  });

  test('names are enough for one that knows the nodes; fields may be written in any case', async () => {
    answers['/x/filter'] = (body) => ({ nodenames: names(body).slice(2) });
    const { place } = setUp({ filterVerb: 'filter', nodeCacheCapable: true });
    expect((await place()).node?.name).toBe('c');
    expect(asked[0]?.body.NodeNames).toEqual(['a', 'b', 'c']);
  });

  test('its reasons are told, and what preemption might help', async () => {
    answers['/x/filter'] = () => ({
      NodeNames: [],
      FailedNodes: { a: 'too far', b: 'too far' },
      FailedAndUnresolvableNodes: { c: 'no such thing' },
    });
    const { place } = setUp({ filterVerb: 'filter', nodeCacheCapable: true });
    const failure = await place();
    expect(failure).toMatchObject({
      node: null,
      message: '0/3 nodes are available: 1 no such thing, 2 too far.',
      wakesOn: [],
    });
    expect(failure.node === null && failure.resolvable.map((n) => n.name)).toEqual(['a', 'b']);
  });

  test('one after another', async () => {
    answers['/one/f'] = () => ({ NodeNames: ['a', 'b'] });
    answers['/two/f'] = (body) => ({ NodeNames: names(body).filter((n) => n !== 'a') });
    const common = { filterVerb: 'f', nodeCacheCapable: true };
    const { place } = setUp({ ...common, urlPrefix: `${url}/one` }, { ...common, urlPrefix: `${url}/two/` });
    expect((await place()).node?.name).toBe('b');
  });

  test.each<[string, (body: Body) => unknown, string]>([
    ['an error', () => ({ Error: 'out of order' }), 'failed to filter: out of order'],
    ['a status', () => 503, 'failed to filter: it answered 503: 503'],
    ['no JSON', () => 'hello', 'failed to filter: its answer is not JSON: hello'],
    ['no answer', () => undefined, 'failed to filter: no answer within 50 ms'],
    [
      'an unknown node',
      () => ({ NodeNames: ['z'] }),
      'claims a filtered node "z" which is not found in the input node list',
    ],
  ])('%s: the pod has to wait, unless the extender is ignorable', async (_, answer, message) => {
    answers['/x/filter'] = answer;
    // Only the one that never answers is waited for.
    const httpTimeout = answer({}) === undefined ? '50ms' : '60s';
    const config = { filterVerb: 'filter', nodeCacheCapable: true, httpTimeout };
    await expect(setUp(config).place()).rejects.toThrow(`extender "${url}/x" ${message}`);
    expect((await setUp({ ...config, ignorable: true }).place()).node).not.toBeNull();
  });

  test('ignorable ones are asked last', () => {
    const { list } = setUp({ filterVerb: 'f', ignorable: true }, { filterVerb: 'g' });
    expect(list.map((e) => e.config.filterVerb)).toEqual(['g', 'f']);
  });
});

describe('managed resources', () => {
  const gpu = { containers: [{ name: 'c', resources: { limits: { 'example.org/gpu': '1' } } }] };
  test.each([
    ['a pod without', {}, false],
    ['a pod that wants some', gpu, true],
    ['an init container that wants some', { initContainers: gpu.containers }, true],
  ])('%s', (_, spec, expected) => {
    const { list } = setUp({ filterVerb: 'f', managedResources: [{ name: 'example.org/gpu' }] });
    expect(list[0]?.isFor(makePod('p', { spec }))).toBe(expected);
  });
});

test('points are weighted; an extender that gives none is left out', async () => {
  answers['/x/score'] = () => [
    { Host: 'a', Score: 1 },
    { host: 'b', score: 2 },
  ];
  answers['/y/score'] = () => 500;
  const one = { prioritizeVerb: 'score', weight: 1 };
  expect((await setUp(one, { ...one, urlPrefix: `${url}/y` }).place()).node?.name).toBe('b');
});

test('a node that goes while it thinks is not taken', async () => {
  const world = setUp({ filterVerb: 'filter', nodeCacheCapable: true });
  answers['/x/filter'] = () => {
    world.state.removeNode('a');
    return { NodeNames: ['a', 'b'] };
  };
  expect((await world.place()).node?.name).toBe('b');
});

describe('preemption', () => {
  const victims: Victims[] = ['a', 'b'].map((node) => ({
    node,
    pods: [makePod(`${node}1`), makePod(`${node}2`)],
    violations: 0,
  }));
  test('it may spare nodes and pods', async () => {
    answers['/x/preempt'] = () => ({ NodeNameToMetaVictims: { b: { Pods: [{ UID: 'b2' }], NumPDBViolations: 1 } } });
    const { all, pod } = setUp({ preemptVerb: 'preempt', nodeCacheCapable: true });
    expect(await all.preempt(pod, victims, signal)).toMatchObject([
      { node: 'b', pods: [{ metadata: { name: 'b2' } }], violations: 1 },
    ]);
    expect(asked[0]?.body.NodeNameToMetaVictims).toMatchObject({ a: { Pods: [{ UID: 'a1' }, { UID: 'a2' }] } });
  });

  test('whole pods are sent to one that does not know the nodes; it may forbid all', async () => {
    answers['/x/preempt'] = () => ({ NodeNameToMetaVictims: {} });
    const { all, pod } = setUp({ preemptVerb: 'preempt' });
    expect(await all.preempt(pod, victims, signal)).toEqual([]);
    expect(asked[0]?.body.NodeNameToVictims).toMatchObject({ b: { Pods: [{ metadata: { name: 'b1' } }, {}] } });
  });

  test('what it makes up is an error', async () => {
    answers['/x/preempt'] = () => ({ NodeNameToMetaVictims: { a: { Pods: [{ UID: 'z' }] } } });
    const { all, pod } = setUp({ preemptVerb: 'preempt' });
    await expect(all.preempt(pod, victims, signal)).rejects.toThrow('claims to preempt a pod on node "a"');
  });
});

test('binding is its business when it wants', async () => {
  answers['/x/bind'] = ({ Node }) => (Node === 'a' ? {} : { Error: 'no' });
  const { all, pod } = setUp({ bindVerb: 'bind' });
  const [binder] = all.for(pod);
  await binder?.bind(pod, 'a', signal);
  expect(asked[0]?.body).toEqual({ PodName: 'p', PodNamespace: 'ns', PodUID: 'p', Node: 'a' });
  await expect(binder?.bind(pod, 'b', signal)).rejects.toThrow('failed to bind: no');
});
