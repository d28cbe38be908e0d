import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { KUBECTL_ENV } from '../../bed/kubectls.ts';

export interface Kubectl {
  /** Client version, such as "v1.33.1". */
  readonly version: string;
  readonly path: string;
  /** How it upgrades stream requests: WebSocket by default since 1.31. */
  readonly upgrade: string;
}

/** The oldest and the newest kubectl we promise to serve, where this machine has them, and the one in the PATH. */
export function findKubectls(): Kubectl[] {
  const folder = '/usr/lib/google-cloud-sdk/bin';
  const named = ['kubectl.1.27', 'kubectl.1.33'].map((name) => `${folder}/${name}`).filter(existsSync);
  const paths = named.length === 2 ? named : [...named, 'kubectl'];
  return paths.map((path) => {
    const output = execFileSync(path, ['version', '--client', '--output=json'], { encoding: 'utf8' });
    const version = (JSON.parse(output) as { clientVersion: { gitVersion: string } }).clientVersion.gitVersion;
    const minor = Number(/^v1\.(\d+)/.exec(version)?.[1]);
    return { path, version, upgrade: minor >= 31 ? 'websocket' : 'SPDY/3.1' };
  });
}

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const running = new Set<ChildProcessWithoutNullStreams>();

/** Ends what a failed test left behind. */
export function stopAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** Runs kubectl against one server, with a home of its own. */
export class KubectlRunner {
  readonly path: string;
  readonly #server: string;
  readonly #home: string;

  constructor(kubectl: Kubectl, server: string, home: string) {
    this.path = kubectl.path;
    this.#server = server;
    this.#home = home;
  }

  get env(): NodeJS.ProcessEnv {
    return { ...KUBECTL_ENV, PATH: process.env.PATH, HOME: this.#home, KUBECONFIG: '/dev/null' };
  }

  /** The command line as the start of a shell command. */
  get shell(): string {
    return `${this.path} --server=${this.#server}`;
  }

  start(...args: string[]): ChildProcessWithoutNullStreams {
    const child = spawn(this.path, [`--server=${this.#server}`, ...args], { env: this.env });
    running.add(child);
    child.once('exit', () => running.delete(child));
    return child;
  }

  /** Runs to the end; `input` is its standard input. */
  run(args: readonly string[], input = ''): Promise<Outcome> {
    const child = this.start(...args);
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    return outcome(child);
  }

  /** Runs a shell script in which $K is kubectl. */
  script(text: string): Promise<Outcome> {
    const child = spawn('bash', ['-c', text], { env: { ...this.env, K: this.shell } });
    child.stdin.end();
    return outcome(child);
  }
}

function outcome(child: ChildProcessWithoutNullStreams): Promise<Outcome> {
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk;
    });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...text }));
  });
}
