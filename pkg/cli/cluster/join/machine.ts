import { existsSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { systemExec } from '#process/exec.ts';
import { CliError } from '../../errors.ts';
import { nodePaths } from './services.ts';

const CONNECT_MS = 5000;
const PAUSE_IMAGE = 'coxswain/pause:1';

/** Folder of this installation: that of dist/cox.mjs's folder. */
export const installation = (): string => dirname(dirname(process.argv[1] ?? ''));

/** What a machine that has joined says of itself. */
export interface Joined {
  readonly node: string;
  readonly server: string;
  readonly dockerHost: string;
}

/** @returns undefined on a machine that has not joined */
export function readJoined(root: string): Joined | undefined {
  const file = nodePaths(root).joined;
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Joined) : undefined;
}

/** The address by which this machine is seen from the server. @throws CliError when the server cannot be reached */
export function addressTowards(server: string): Promise<string> {
  const { hostname, port } = new URL(server);
  return new Promise((resolve, reject) => {
    const host = hostname.replace(/^\[|\]$/g, '');
    const socket = connect({ host, port: Number(port), timeout: CONNECT_MS }, () => {
      resolve(socket.localAddress ?? '');
      socket.destroy();
    });
    const fail = (why: string): void => {
      socket.destroy();
      reject(new CliError(`nothing can be reached at ${server}: ${why}; is the address right, and the cluster up?`));
    };
    socket.on('timeout', () => fail(`no answer within ${CONNECT_MS / 1000} s`));
    socket.on('error', (e) => fail(e.message));
  });
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '0.0.0.0', () => server.close(() => resolve(true)));
  });

/** What a node needs of its machine. @throws CliError naming what is missing */
export async function requireMachine(root: string, dockerHost: string): Promise<void> {
  if (process.getuid?.() !== 0) throw new CliError('only root can make this machine a node');
  const before = readJoined(root);
  if (before)
    throw new CliError(
      `this machine has joined already, as node ${before.node} of ${before.server}; "cox cluster reset" undoes that`,
    );
  if (!(await isFree(10250)))
    throw new CliError('port 10250 is in use: is this machine a node already? The agent needs that port');
  const docker = (...args: string[]) => systemExec('docker', ['--host', dockerHost, ...args]);
  const version = await docker('version', '--format', '{{.Server.Version}}');
  if (version.code !== 0) throw new CliError(`docker does not answer at ${dockerHost}: ${version.stderr.trim()}`);
  if ((await docker('image', 'inspect', PAUSE_IMAGE)).code !== 0)
    throw new CliError(
      `the image ${PAUSE_IMAGE} is not on this machine; make it with "node ${join(installation(), 'deploy/images/main.ts')} workloads", or load it with "cox image import"`,
    );
}
