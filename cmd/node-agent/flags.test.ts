import { Command, CommanderError } from 'commander';
import { expect, test } from 'vitest';
import { agentFlags, type Flags } from './flags.ts';

function parse(...more: string[]): Flags {
  const program = agentFlags(new Command('node-agent'))
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  program.parse(['--kubeconfig', 'k', '--client-ca-file', 'c', ...more], { from: 'user' });
  return program.opts<Flags>();
}

test('what a node takes of images, logs and processes has bounds of its own', () => {
  expect(parse()).toMatchObject({
    maxParallelImagePulls: 3,
    minimumImageTtlDuration: 120_000,
    containerLogMaxSize: 10 * 2 ** 20,
    containerLogMaxFiles: 3,
    podMaxPids: -1,
    restartBackOffReset: 600_000,
  });
  const some = ['--max-parallel-image-pulls', '1', '--minimum-image-ttl-duration', '1h', '--pod-max-pids', '100'];
  expect(parse(...some, '--container-log-max-size', '1Mi', '--container-log-max-files', '5')).toMatchObject({
    maxParallelImagePulls: 1,
    minimumImageTtlDuration: 3_600_000,
    containerLogMaxSize: 2 ** 20,
    containerLogMaxFiles: 5,
    podMaxPids: 100,
  });
});

test('pods are kept to what is reserved for others, or not', () => {
  expect(parse().enforceNodeAllocatable).toBe(true);
  expect(parse('--enforce-node-allocatable', 'none').enforceNodeAllocatable).toBe(false);
});

test('what pods may do to the kernel, and how often others are asked', () => {
  const told = { registryQps: 5, registryBurst: 10, eventQps: 50, eventBurst: 100 };
  expect(parse()).toMatchObject({ allowedUnsafeSysctls: [], ...told });
  const some = ['--allowed-unsafe-sysctls', 'kernel.msg*,net/core/somaxconn', '--registry-qps', '0'];
  // As in Kubernetes, no limit of pulls, but one of events.
  expect(parse(...some, '--registry-burst', '3', '--event-qps', '0', '--event-burst', '0')).toMatchObject({
    ...{ allowedUnsafeSysctls: ['kernel.msg*', 'net.core.somaxconn'] },
    ...{ registryQps: 0, registryBurst: 3, eventQps: 5, eventBurst: 10 },
  });
});

test.each([
  ['--max-parallel-image-pulls', '0', 'a whole number from 1 to 64'],
  ['--container-log-max-size', 'much', 'an amount of bytes such as 10Mi'],
  ['--container-log-max-size', '10', '4Ki or more'],
  ['--container-log-max-files', '1', 'a whole number from 2 to 100'],
  ['--allowed-unsafe-sysctls', 'vm.swappiness', '"vm.swappiness" is not of a pod alone'],
  ['--registry-qps', '-1', 'a whole number'],
  ['--event-burst', 'x', 'a whole number'],
  ['--enforce-node-allocatable', 'kube-reserved', 'pods or none'],
  ['--pod-max-pids', '-2', 'a whole number from -1'],
])('%s %s is refused', (flag, value, words) => {
  let said: unknown;
  try {
    parse(`${flag}=${value}`);
  } catch (e) {
    said = e;
  }
  expect(said).toBeInstanceOf(CommanderError);
  expect((said as Error).message).toContain(flag);
  expect((said as Error).message).toContain(words);
});
