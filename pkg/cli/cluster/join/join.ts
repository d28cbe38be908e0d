import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { ConfigMaps, Nodes, Services } from '#api/kinds/index.ts';
import { isNotFound, StatusError } from '#api/meta/errors.ts';
import { isReady } from '#api/meta/readiness.ts';
import { systemClock } from '#async/clock.ts';
import {
  nodeClientCertificate,
  nodeServiceCertificate,
  requestCertificate,
  type WantedCertificate,
} from '#client/certificate-request.ts';
import type { Kubeconfig } from '#client/kubeconfig.ts';
import type { Client } from '#client/types.ts';
import { writeSecret } from '#pki/files.ts';
import { renderFileKubeconfig } from '#pki/kubeconfig.ts';
import { NODE_CLIENT_FILE } from '#pki/node-files.ts';
import { systemExec } from '#process/exec.ts';
import { CliError } from '../../errors.ts';
import { withClient } from '../client.ts';
import { type Discovered, discover, parseServer, parseToken } from './discovery.ts';
import { addressTowards, installation, type Joined, requireMachine } from './machine.ts';
import { type NodeShape, nodePaths, nodeServices, nodeUsers, scriptOf } from './services.ts';

type Out = (text: string) => void;

export interface JoinFlags {
  readonly token?: string;
  readonly discoveryTokenCaCertHash?: readonly string[];
  readonly discoveryTokenUnsafeSkipCaVerification?: boolean;
  readonly nodeName?: string;
  readonly nodeIp?: string;
  readonly dockerHost?: string;
  readonly rootDir?: string;
  readonly cgroupRoot?: string;
  readonly clusterCidr?: string;
  readonly networkBackend?: string;
  readonly proxyMode?: string;
}

export const ROOT = '/var/lib/coxswain';
const CERTIFICATE_MS = 60_000;
const READY_MS = 120_000;
const START_MS = 30_000;
const LOOK_MS = 500;
const DEFAULT_DNS = '10.96.0.10';

const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const HASH = /^sha256:[0-9a-f]{64}$/;

function hashesOf(o: JoinFlags): readonly string[] {
  const hashes = (o.discoveryTokenCaCertHash ?? []).map((h) => h.toLowerCase());
  const bad = hashes.find((h) => !HASH.test(h));
  if (bad !== undefined)
    throw new CliError(`--discovery-token-ca-cert-hash: "${bad}" is not sha256: and 64 hexadecimal digits`);
  if (hashes.length === 0 && !o.discoveryTokenUnsafeSkipCaVerification)
    throw new CliError(
      'say which cluster it is: --discovery-token-ca-cert-hash sha256:…, or --discovery-token-unsafe-skip-ca-verification to believe the token alone',
    );
  return hashes;
}

/** @throws CliError when a node of that name is alive, or the token is not accepted */
async function requireFreeName(client: Client, name: string, id: string): Promise<void> {
  try {
    if (!isReady(await client.get(Nodes, name))) return;
  } catch (e) {
    if (isNotFound(e)) return;
    if (e instanceof StatusError && e.code === 401)
      throw new CliError(`the API server does not accept the token ${id}: it has ended or may not be used to join`);
    throw e;
  }
  throw new CliError(
    `there is a node ${name} in the cluster, and it is Ready: choose another name by --node-name, or delete that node`,
  );
}

/** Certificates by file name: the node's own, then those of the programs beside the agent. */
function wantedCertificates(name: string): Readonly<Record<string, WantedCertificate>> {
  const users = Object.entries(nodeUsers(name));
  return Object.fromEntries(
    users.map(([what, { user, file }]) => [
      file,
      what === 'kubelet' ? nodeClientCertificate(name) : nodeServiceCertificate(user),
    ]),
  );
}

/** What only the cluster knows. */
interface Facts {
  /** Authority of clients, PEM: the agent lets in whom the API server does. */
  readonly clientCa: string;
  readonly clusterDns: string;
}

async function factsOf(client: Client): Promise<Facts> {
  const trust = await client.get(ConfigMaps, 'extension-apiserver-authentication', 'kube-system');
  const clientCa = trust.data?.['client-ca-file'];
  if (!clientCa) throw new CliError('the API server does not publish the authority of its clients');
  try {
    const dns = await client.get(Services, 'kube-dns', 'kube-system');
    return { clientCa, clusterDns: dns.spec?.clusterIP ?? DEFAULT_DNS };
  } catch (e) {
    if (isNotFound(e)) return { clientCa, clusterDns: DEFAULT_DNS };
    throw e;
  }
}

/** Everything the processes read, for root alone. */
async function writeFiles(shape: NodeShape, found: Discovered, clientCa: string): Promise<void> {
  const paths = nodePaths(shape.root);
  await writeSecret(paths.ca, found.ca);
  await writeSecret(paths.clientCa, clientCa);
  for (const [name, { user, file }] of Object.entries(nodeUsers(shape.name))) {
    const files = { ca: paths.ca, certificate: join(paths.pki, file) };
    await writeSecret(paths.conf(name), renderFileKubeconfig({ userName: user, server: found.server }, files));
  }
  await mkdir(paths.run, { recursive: true, mode: 0o700 });
  for (const [name, args] of Object.entries(nodeServices(shape))) {
    const file = join(paths.run, name);
    await writeFile(file, scriptOf(join(installation(), 'bin', name), args));
    await chmod(file, 0o700);
  }
  const joined: Joined = { node: shape.name, server: found.server, dockerHost: shape.dockerHost };
  await writeSecret(paths.joined, `${JSON.stringify(joined, null, 2)}\n`);
}

async function startServices(root: string): Promise<void> {
  const script = join(installation(), 'deploy/services.sh');
  const { code, stderr } = await systemExec('sh', [script, 'start', root], { timeoutMs: START_MS });
  if (code !== 0) throw new CliError(`the processes of the node could not be started: ${stderr.trim()}`);
}

async function untilReady(client: Client, shape: NodeShape): Promise<void> {
  const end = systemClock.now() + READY_MS;
  while (systemClock.now() < end) {
    const node = await client.get(Nodes, shape.name).catch(() => undefined);
    if (node && isReady(node)) return;
    await systemClock.sleep(LOOK_MS);
  }
  throw new CliError(
    `node ${shape.name} runs, but is not Ready after ${READY_MS / 1000} s: ${nodePaths(shape.root).log} may say why, and "cox cluster reset" undoes it`,
  );
}

/** Removes what was written by a join that failed before anything ran. */
const undo = async (root: string): Promise<void> => {
  const paths = nodePaths(root);
  for (const path of [paths.pki, paths.run, paths.joined, join(root, 'conf')])
    await rm(path, { recursive: true, force: true });
};

/** As the node itself, by the certificate it has got. */
async function asNode({ server, ca }: Discovered, { root }: NodeShape): Promise<Kubeconfig> {
  const pem = await readFile(join(nodePaths(root).pki, NODE_CLIENT_FILE));
  return { server, ca: Buffer.from(ca), cert: pem, key: pem };
}

async function prepare(found: Discovered, token: string, o: NodeShape): Promise<NodeShape> {
  const ca = Buffer.from(found.ca);
  const { server } = found;
  const paths = nodePaths(o.root);
  await withClient({ server, ca, token }, async (client) => {
    await requireFreeName(client, o.name, token.slice(0, 6));
    for (const [file, wanted] of Object.entries(wantedCertificates(o.name))) {
      const { cert, key } = await requestCertificate(wanted, { client, clock: systemClock, timeoutMs: CERTIFICATE_MS });
      await writeSecret(join(paths.pki, file), cert + key);
    }
  });
  const facts = await withClient(await asNode(found, o), factsOf);
  const shape = { ...o, clusterDns: facts.clusterDns };
  await writeFiles(shape, found, facts.clientCa);
  return shape;
}

/**
 * `cox cluster join SERVER`: makes this machine a node ("kubeadm join"). The cluster is believed by token and hash of its
 * authority, certificates are asked for by that token, and agent, proxy and name server are started.
 */
export async function joinCluster(out: Out, args: readonly string[], o: JoinFlags): Promise<void> {
  const [address, extra] = args;
  if (!address || extra !== undefined || !o.token)
    throw new CliError(
      'say where and by what: cox cluster join HOST:PORT --token … (see "cox cluster token create --print-join-command")',
    );
  const server = parseServer(address);
  const trust = { token: parseToken(o.token), hashes: hashesOf(o) };
  const name = o.nodeName ?? hostname().toLowerCase();
  if (!NAME.test(name)) throw new CliError(`--node-name: "${name}" is no name of a node`);
  const root = resolve(o.rootDir ?? ROOT);
  const dockerHost = o.dockerHost ?? process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock';
  await requireMachine(root, dockerHost);
  const own = await addressTowards(server);
  const found = await discover(server, trust);
  out(`the cluster at ${server} is the one that was named\n`);
  let shape: NodeShape = {
    ...{ root, name, dockerHost, address: o.nodeIp ?? own, clusterDns: DEFAULT_DNS },
    clusterCidr: o.clusterCidr ?? '10.244.0.0/16',
    networkBackend: o.networkBackend ?? 'host-gw',
    ...(o.proxyMode ? { proxyMode: o.proxyMode } : {}),
    ...(o.cgroupRoot ? { cgroupRoot: o.cgroupRoot } : {}),
  };
  try {
    shape = await prepare(found, o.token, shape);
  } catch (e) {
    await undo(root);
    throw e;
  }
  out(`certificates of node ${name} are in ${nodePaths(root).pki}\n`);
  await startServices(root);
  await withClient(await asNode(found, shape), (client) => untilReady(client, shape));
  out(`node ${name} has joined and is Ready\n`);
}
