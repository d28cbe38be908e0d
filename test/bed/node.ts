import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ExecOptions, type ExecResult, systemExec } from '#process/exec.ts';
import type { Lan } from './lan.ts';
import { bareInside } from './machine/bare.ts';
import { probe } from './net.ts';
import { ManagedProcess, type ProcessSpec } from './process.ts';
import { waitFor } from './wait.ts';

/** A machine of the bed: its own network, processes, mounts, host name and dockerd. */
export interface BedNode {
  readonly name: string;
  readonly address: string;
  /** In a bed with IPv6. */
  readonly address6: string | undefined;
  readonly dir: string;
  /** unix://… of its dockerd, usable from outside the node too; nobody answers there in a bare one. */
  readonly dockerHost: string;
  readonly cgroupRoot: string;
  /** Number of its process 1, as this machine sees it; undefined while it is off. */
  init(): number | undefined;
  /** What stands before a command that is to run on the node. @throws Error while it is off */
  enter(): readonly string[];
  /** Runs a program on the node. */
  exec(command: string, args?: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /** A process on the node that is stopped with it. */
  process(spec: Omit<ProcessSpec, 'wrapped'>): ManagedProcess;
  /** Everything of the node ends at once; network, rules and what lay in /run are gone, disks stay. */
  powerOff(): Promise<void>;
  /** Starts it again, with dockerd; processes made by `process` must be started by their owner. */
  powerOn(): Promise<void>;
  remove(): Promise<void>;
}

export interface NodeSpec {
  readonly number: number;
  readonly name: string;
  readonly dir: string;
  readonly cgroupRoot: string;
  /** Made by `ip netns`; plugged anew at each start. */
  readonly lan: Lan;
  /** A machine as a user has it before `make up`: without dockerd, but with all its own. */
  readonly bare: boolean;
}

/** What makes a node out of a network namespace. */
export interface Inside {
  /** Its process 1, with arguments. */
  readonly init: readonly string[];
  /** Whether later mounts of the machine outside show in it. */
  readonly propagation: 'slave' | 'private';
  /** In its folder; goes with the power. */
  readonly volatile: readonly string[];
  ready(signal: AbortSignal): Promise<unknown>;
  /** What stands before a command that is to run beside its process 1. */
  enter(init: number): string[];
}

export async function createNode(spec: NodeSpec): Promise<BedNode> {
  const { number, name, dir, lan } = spec;
  mkdirSync(dir, { recursive: true });
  const inside = spec.bare ? await bareInside(spec) : dockerInside(spec);
  const holder = new ManagedProcess({
    name: `${name} init`,
    command: 'nsenter',
    // nsenter only changes the namespace and becomes unshare, whose one child is process 1 of the node.
    args: [
      ...[
        `--net=/run/netns/${lan.namespace(number)}`,
        'unshare',
        '--mount',
        '--propagation',
        inside.propagation,
        '--uts',
        '--pid',
      ],
      ...['--fork', '--kill-child', '--mount-proc', ...inside.init],
    ],
    wrapped: true,
    logFile: join(dir, 'init.log'),
    ready: (signal) => inside.ready(signal).then(() => undefined),
  });
  const enter = (): string[] => {
    const init = holder.pid;
    if (init === undefined) throw new Error(`${name} is off`);
    return inside.enter(init);
  };
  const node: BedNode = {
    name,
    dir,
    address: lan.address(number),
    address6: lan.address6(number),
    dockerHost: `unix://${join(dir, 'docker.sock')}`,
    cgroupRoot: spec.cgroupRoot,
    init: () => holder.pid,
    enter,
    exec: async (command, args = [], options = {}) => {
      const [first = '', ...rest] = enter();
      return systemExec(first, [...rest, command, ...args], options);
    },
    process: (process) => {
      // The node's process 1 changes with every start, so the words are put together when they are needed.
      const there = Object.defineProperties(
        { ...process, wrapped: true },
        {
          command: { get: () => enter()[0] },
          args: { get: () => [...enter().slice(1), process.command, ...process.args] },
        },
      );
      return new ManagedProcess(there);
    },
    async powerOff() {
      await lan.unplug(number);
      await holder.kill('SIGKILL');
    },
    async powerOn() {
      for (const volatile of inside.volatile) rmSync(join(dir, volatile), { recursive: true, force: true });
      await lan.plug(number);
      await holder.start();
    },
    async remove() {
      if (holder.running) await holder.kill('SIGKILL');
      rmSync(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
  await node.powerOn();
  return node;
}

function dockerInside(spec: NodeSpec): Inside {
  const { name, dir } = spec;
  writeFileSync(join(dir, 'resolv.conf'), 'nameserver 127.0.0.1\n');
  writeFileSync(join(dir, 'daemon.json'), JSON.stringify(dockerConfig(spec)));
  const socketPath = join(dir, 'docker.sock');
  return {
    init: [join(import.meta.dirname, 'init.sh'), dir, name],
    propagation: 'slave',
    volatile: ['exec', 'docker.sock', 'docker.pid'],
    ready: (signal) =>
      waitFor(`dockerd of ${name}`, () => probe('http://docker/version', { socketPath }), {
        signal,
        timeoutMs: 120_000,
        everyMs: 50,
      }),
    enter: (init) => ['nsenter', '--target', String(init), '--mount', '--uts', '--net', '--pid', '--'],
  };
}

export function dockerConfig({ dir, cgroupRoot }: NodeSpec): object {
  return {
    hosts: [`unix://${join(dir, 'docker.sock')}`],
    'data-root': join(dir, 'docker'),
    'exec-root': join(dir, 'exec'),
    pidfile: join(dir, 'docker.pid'),
    'exec-opts': ['native.cgroupdriver=cgroupfs'],
    'cgroup-parent': cgroupRoot,
    // Not used by pods, but some daemon versions will not start without a default bridge; a range nobody else has.
    bip: '172.31.255.1/28',
    'ip-masq': false,
    'userland-proxy': false,
    'log-level': 'warn',
    'log-opts': { 'max-size': '10m', 'max-file': '3' },
    'shutdown-timeout': 1,
  };
}
