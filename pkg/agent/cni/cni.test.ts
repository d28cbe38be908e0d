import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Pod } from '#api/kinds/index.ts';
import { systemExec } from '#process/exec.ts';
import { firstNetwork, parseNetwork } from './config.ts';
import { CniPlugins, inputOf } from './plugins.ts';
import { addressesOf, macOf } from './result.ts';
import { NETWORKS, selectionsOf } from './selection.ts';

const dir = mkdtempSync(join(tmpdir(), 'cni-'));
afterAll(() => rmSync(dir, { recursive: true }));

describe('configurations', () => {
  test('lists and single plugins', () => {
    const list = { cniVersion: '1.0.0', name: 'n', disableCheck: true, plugins: [{ type: 'a' }, { type: 'b' }] };
    expect(parseNetwork(JSON.stringify(list))).toEqual(list);
    const single = { type: 'a', more: 1 };
    expect(parseNetwork(JSON.stringify(single), 'x')).toEqual({ name: 'x', cniVersion: '0.1.0', plugins: [single] });
  });

  test.each([
    ['[]', 'is no JSON object'],
    ['{"type":"a"}', 'has no name'],
    ['{"name":"n","plugins":[]}', 'must be a list of objects'],
    ['{"name":"n","plugins":[{"type":"../evil"}]}', 'must be a list of objects'],
    ['{"name":"n"}', 'must be a list of objects'],
  ])('%s', (text, why) => {
    expect(() => parseNetwork(text)).toThrow(why);
  });

  test('the first of a folder that is one', async () => {
    await expect(firstNetwork(join(dir, 'none'))).rejects.toThrow('no network configuration in');
    const folder = join(dir, 'net.d');
    mkdirSync(folder);
    writeFileSync(join(folder, '0.txt'), '{"name":"text","type":"t"}');
    writeFileSync(join(folder, '1.conf'), '{"name":');
    await expect(firstNetwork(folder)).rejects.toThrow('1.conf: ');
    writeFileSync(join(folder, '3.conflist'), '{"name":"late","plugins":[{"type":"t"}]}');
    writeFileSync(join(folder, '2.conf'), '{"name":"early","type":"t"}');
    expect((await firstNetwork(folder)).name).toBe('early');
  });
});

describe('plugins', () => {
  const network = parseNetwork('{"cniVersion":"0.4.0","name":"n","plugins":[{"type":"one"},{"type":"two"}]}');
  const attachment = { containerId: 'c', netns: '/n', ifName: 'eth0', args: { A: 'b', C: 'd' }, capabilities: {} };

  test('what they read', () => {
    const plugin = { type: 't', capabilities: { portMappings: true, ips: false } };
    const capabilities = { portMappings: [1], ips: ['x'] };
    expect(inputOf(network, plugin, { capabilities }, { cniVersion: '0.4.0' })).toEqual({
      ...{ type: 't', name: 'n', cniVersion: '0.4.0' },
      runtimeConfig: { portMappings: [1] },
      prevResult: { cniVersion: '0.4.0' },
    });
  });

  test('in their order, DEL the other way round, each with what those before it did', async () => {
    const bin = join(dir, 'bin');
    mkdirSync(bin);
    const log = join(dir, 'log');
    const script = `#!/bin/sh
echo "$CNI_COMMAND $(basename "$0") $CNI_IFNAME $CNI_ARGS" >>${log}
case $CNI_COMMAND in
  ADD) echo "{\\"by\\":\\"$(basename "$0")\\",\\"got\\":$(cat)}" ;;
  CHECK) echo '{"code":7,"msg":"broken","details":"no link"}'; exit 1 ;;
esac`;
    for (const name of ['one', 'two']) writeFileSync(join(bin, name), script, { mode: 0o755 });
    const plugins = new CniPlugins({ exec: systemExec, binDirs: [join(dir, 'nowhere'), bin] });
    const result = await plugins.add(network, attachment);
    expect(result).toMatchObject({ by: 'two', got: { type: 'two', prevResult: { by: 'one' } } });
    await expect(plugins.check(network, attachment, result)).rejects.toThrow(
      'plugin type="one" name="n" failed (check): broken; no link',
    );
    await plugins.del(network, attachment, result);
    const said = ['ADD one', 'ADD two', 'CHECK one', 'DEL two', 'DEL one'].map((s) => `${s} eth0 A=b;C=d\n`);
    expect(readFileSync(log, 'utf8')).toBe(said.join(''));
    await plugins.check({ ...network, disableCheck: true }, attachment, result);
    await expect(new CniPlugins({ exec: systemExec, binDirs: ['/none'] }).add(network, attachment)).rejects.toThrow(
      'failed to find plugin "one" in path [/none]',
    );
  });
});

test('addresses in results of all versions', () => {
  const interfaces = [{ name: 'br0' }, { name: 'eth0', mac: 'aa:bb', sandbox: '/n' }];
  const ips = [
    { address: '10.0.0.1/24', interface: 0 },
    { address: '10.0.0.2/24', interface: 1 },
  ];
  expect(addressesOf({ interfaces, ips })).toEqual(['10.0.0.2']);
  expect(macOf({ interfaces }, 'eth0')).toBe('aa:bb');
  expect(addressesOf({ ips: [{ address: 'fd00::2/64' }] })).toEqual(['fd00::2']);
  expect(addressesOf({ ip4: { ip: '10.0.0.3/24' } })).toEqual(['10.0.0.3']);
  expect(addressesOf({})).toEqual([]);
});

describe('further networks of a pod', () => {
  const of = (text: string) =>
    selectionsOf({ metadata: { name: 'p', namespace: 'ns', annotations: { [NETWORKS]: text } } } as Pod);
  test.each([
    ['', []],
    ['a', [{ namespace: 'ns', name: 'a', interface: 'net1' }]],
    [
      'a, other/b@data0',
      [
        { namespace: 'ns', name: 'a', interface: 'net1' },
        { namespace: 'other', name: 'b', interface: 'data0' },
      ],
    ],
    [
      '[{"name":"a","ips":["1.2.3.4/8"]},{"name":"b","namespace":"o","interface":"x"}]',
      [
        { namespace: 'ns', name: 'a', interface: 'net1', ips: ['1.2.3.4/8'] },
        { namespace: 'o', name: 'b', interface: 'x' },
      ],
    ],
  ])('%s', (text, selections) => {
    expect(of(text)).toEqual(selections);
  });

  test.each(['a b', '[{"no":"name"}]', '{"name":"a"}', '[', 'a@far-too-long-a-name'])('not: %s', (text) => {
    expect(() => of(text)).toThrow(`annotation ${NETWORKS}: `);
  });
});
