import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecResult } from '#process/exec.ts';
import { workloadImages } from '../../../deploy/images/workloads.ts';
import { SERVICES } from '../lan.ts';
import { type BedNode, dockerConfig, type NodeSpec } from '../node.ts';
import { ManagedProcess, type ProcessSpec } from '../process.ts';
import { waitFor } from '../wait.ts';
import type { GuestKernel } from './kernel.ts';
import { emulation } from './run.ts';

/** An emulated processor takes its time, the more on a busy machine. */
const READY_MS = 280_000;
const EXEC_MS = 240_000;
/** Where the guest runs what it is told. */
const PORT = 10;

export interface GuestOptions {
  readonly kernel: GuestKernel;
  /** Of the kernel, besides those of a network card. */
  readonly modules: readonly string[];
  /** A folder of this machine that it reads and writes at the same place, though it lies where the guest has its own. */
  readonly shared: string;
}

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** Runs a shell script in the guest. @returns what it printed. @throws Error when the guest does not answer */
async function tell(address: string, script: string, timeoutMs = EXEC_MS): Promise<string> {
  const url = `http://${address}:${PORT}/cgi-bin/run`;
  const answer = await fetch(url, { method: 'POST', body: script, signal: AbortSignal.timeout(timeoutMs) });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return answer.text();
}

/** A process of the guest: what runs here is a client that shows what it prints and ends with it. */
class GuestProcess extends ManagedProcess {
  readonly #address: string;
  readonly #program: ProcessSpec;

  constructor(address: string, spec: Omit<ProcessSpec, 'wrapped'>) {
    const { name, command, args, env = {} } = spec;
    const exports = Object.entries(env).map(([key, value]) => `export ${key}=${quoted(value)}\n`);
    const line = [command, ...args].map(quoted).join(' ');
    const script = `${exports.join('')}echo $$ >/run/${name}.pid; exec ${line} </dev/null 2>&1`;
    const url = `http://${address}:${PORT}/cgi-bin/run`;
    super({ ...spec, command: 'curl', args: ['-sN', '--data-binary', script, url], env: {} });
    this.#address = address;
    this.#program = spec;
  }

  override get words(): readonly string[] {
    return [this.#program.command, ...this.#program.args];
  }

  override signal(signal: NodeJS.Signals): void {
    if (!this.running) return;
    // Whoever ends it waits until the client has ended.
    tell(this.#address, `kill -${signal.replace('SIG', '')} $(cat /run/${this.name}.pid)`).catch(() => {});
  }

  /** Its machine is off. */
  cut(): Promise<void> {
    super.signal('SIGKILL');
    return this.exited;
  }
}

/**
 * A machine of the bed with another kernel than this one's: an emulated one, whose root directory is this machine's. What it
 * writes is gone when it is off.
 */
export async function createGuest(spec: NodeSpec, options: GuestOptions): Promise<BedNode> {
  const { number, name, dir, lan, cgroupRoot } = spec;
  const address = lan.address(number);
  const out = dir;
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'modules'), ['virtio_net', ...options.modules].join(' '));
  writeFileSync(join(out, 'daemon.json'), JSON.stringify(dockerConfig(spec)));
  writeFileSync(join(out, 'main'), main(spec, options, (await workloadImages()).path));
  const shares = { out: { path: out }, shared: { path: options.shared } };
  const mac = `52:54:00:00:00:${(16 + number).toString(16)}`;
  const machine = new ManagedProcess({
    name: `${name} machine`,
    command: 'nsenter',
    args: [
      ...[`--net=/run/netns/${lan.name}`, 'qemu-system-x86_64'],
      ...emulation(options.kernel, join(dir, 'console'), shares),
      ...['-netdev', `tap,id=lan,ifname=port${number},script=no,downscript=no`],
      ...['-device', `virtio-net-pci,netdev=lan,mac=${mac},romfile=`],
    ],
    logFile: join(dir, 'machine.log'),
    ready: async (signal) => {
      const ready = () => tell(address, 'cat /run/ready', 10_000);
      await waitFor(`the machine ${name}`, ready, { signal, timeoutMs: READY_MS, everyMs: 500 });
    },
  });
  const processes: GuestProcess[] = [];
  const node: BedNode = {
    ...{ name, dir, address, cgroupRoot },
    address6: undefined,
    dockerHost: `unix://${join(dir, 'docker.sock')}`,
    init: () => undefined,
    enter: () => {
      throw new Error(`${name} is a machine of its own: there is no way into it but exec and process`);
    },
    async exec(command, args = [], { input = '', timeoutMs = EXEC_MS } = {}): Promise<ExecResult> {
      const line = [command, ...args].map(quoted).join(' ');
      const from = `printf %s ${quoted(String(input))}`;
      const script = `${from} | ${line} 2>/run/err.$$; printf '\\001%s\\001' $?; cat /run/err.$$; rm /run/err.$$`;
      const [stdout = '', code = '', stderr = ''] = (await tell(address, script, timeoutMs)).split('\x01');
      return { code: Number(code), stdout, stderr };
    },
    process(process) {
      const made = new GuestProcess(address, process);
      processes.push(made);
      return made;
    },
    async powerOff() {
      await lan.unplug(number);
      await machine.kill('SIGKILL');
      await Promise.all(processes.map((p) => p.cut()));
    },
    async powerOn() {
      await lan.plugTap(number);
      await machine.start();
    },
    async remove() {
      if (machine.running) await machine.kill('SIGKILL');
      await Promise.all(processes.map((p) => p.cut()));
      rmSync(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
  await node.powerOn();
  return node;
}

/** What the first process of the guest goes on with. */
const main = ({ name, dir, lan, number }: NodeSpec, { kernel, shared }: GuestOptions, images: string): string => `
export PATH=${kernel.bin}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/run
busybox hostname ${name}
mount --make-rshared /
mount -t tmpfs -o size=3g t ${dir}
mount -t cgroup2 c /sys/fs/cgroup
mkdir -p ${shared} /dev/shm; mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288 shared ${shared}
busybox rm -f /etc/resolv.conf; echo nameserver 127.0.0.1 >/etc/resolv.conf
ip -batch - <<END
link set lo up
addr add ${lan.address(number)}/24 dev eth0
link set eth0 up
route add ${SERVICES} dev eth0
END
echo 1 >/proc/sys/net/ipv4/ip_forward
mkdir -p /run/www/cgi-bin
cat >/run/www/cgi-bin/run <<'END'
#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\n'
exec /bin/sh -s
END
chmod +x /run/www/cgi-bin/run
busybox httpd -p ${lan.address(number)}:${PORT} -h /run/www
dockerd --config-file=/run/out/daemon.json >/run/out/dockerd.log 2>&1 &
docker() { curl -sf --unix-socket ${dir}/docker.sock "$@"; }
until docker http://docker/version; do busybox sleep 0.2; done
docker -H 'Content-Type: application/x-tar' --data-binary @${images} 'http://docker/images/load?quiet=1' && echo ready >/run/ready
while :; do wait; busybox sleep 60; done
`;
