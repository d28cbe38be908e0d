import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { assembleApiServer } from '#apiserver/assemble.ts';
import { loadTokenFile } from '#apiserver/authn/tokenfile.ts';
import { systemClock } from '#async/clock.ts';
import { durationFlag, type MainContext, portFlag, runMain, UserError } from '#process/main.ts';
import { openEtcd } from '#storage/etcd/open.ts';

interface Flags {
  etcdServers: string;
  etcdCafile?: string;
  etcdCertfile?: string;
  etcdKeyfile?: string;
  bindAddress: string;
  securePort: number;
  advertiseAddress?: string;
  advertisePort?: number;
  tlsCertFile: string;
  tlsPrivateKeyFile: string;
  clientCaFile: string;
  serviceAccountKeyFile: string;
  serviceAccountSigningKeyFile: string;
  serviceAccountIssuer: string;
  serviceClusterIpRange: string;
  serviceNodePortRange: string;
  kubeletClientCertificate: string;
  kubeletClientKey: string;
  kubeletCertificateAuthority: string;
  tokenAuthFile?: string;
  watchBookmarkInterval: number;
}

function read(flag: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (e) {
    throw new UserError(`${flag}: cannot read ${path}: ${(e as NodeJS.ErrnoException).code}`);
  }
}

/** The first address of this host that is not loopback. */
function hostAddress(): string {
  for (const list of Object.values(networkInterfaces())) {
    const found = list?.find((a) => a.family === 'IPv4' && !a.internal);
    if (found) return found.address;
  }
  return '127.0.0.1';
}

function portRange(text: string): { first: number; count: number } {
  const m = /^(\d+)-(\d+)$/.exec(text);
  const first = Number(m?.[1]);
  const last = Number(m?.[2]);
  if (!m || first < 1 || last > 65535 || last < first) {
    throw new UserError(`--service-node-port-range ${text} is not a range such as 30000-32767`);
  }
  return { first, count: last - first + 1 };
}

async function run(f: Flags, { logger, signal }: MainContext): Promise<void> {
  const storage = await openEtcd({
    endpoints: f.etcdServers.split(','),
    ...(f.etcdCafile ? { caFile: f.etcdCafile } : {}),
    ...(f.etcdCertfile ? { certFile: f.etcdCertfile } : {}),
    ...(f.etcdKeyfile ? { keyFile: f.etcdKeyfile } : {}),
    logger,
  });
  const server = await assembleApiServer({
    storage,
    clock: systemClock,
    logger,
    tls: {
      cert: read('--tls-cert-file', f.tlsCertFile),
      key: read('--tls-private-key-file', f.tlsPrivateKeyFile),
      clientCa: read('--client-ca-file', f.clientCaFile),
    },
    agentTls: {
      ca: read('--kubelet-certificate-authority', f.kubeletCertificateAuthority),
      cert: read('--kubelet-client-certificate', f.kubeletClientCertificate),
      key: read('--kubelet-client-key', f.kubeletClientKey),
    },
    serviceAccounts: {
      publicKey: read('--service-account-key-file', f.serviceAccountKeyFile).toString(),
      signingKey: read('--service-account-signing-key-file', f.serviceAccountSigningKeyFile).toString(),
      issuer: f.serviceAccountIssuer,
    },
    ...(f.tokenAuthFile ? { staticTokens: loadTokenFile(f.tokenAuthFile) } : {}),
    serviceCidr: f.serviceClusterIpRange,
    nodePorts: portRange(f.serviceNodePortRange),
    advertiseAddress: f.advertiseAddress ?? hostAddress(),
    advertisePort: f.advertisePort ?? f.securePort,
    bookmarkIntervalMs: f.watchBookmarkInterval,
  });
  try {
    await server.app.listen({ host: f.bindAddress, port: f.securePort });
    logger.info({ address: f.bindAddress, port: f.securePort }, 'listening');
    await server.start(signal);
    logger.info('ready');
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  } finally {
    await server.close();
    await storage.close();
  }
}

await runMain(
  'apiserver',
  (program) =>
    program
      .description('Serves the Kubernetes API over etcd.')
      .requiredOption('--etcd-servers <urls>', 'comma-separated etcd client URLs')
      .option('--etcd-cafile <file>', 'CA that signed the etcd servers')
      .option('--etcd-certfile <file>', 'client certificate for etcd')
      .option('--etcd-keyfile <file>', 'its key')
      .option('--bind-address <ip>', 'address to listen on', '0.0.0.0')
      .option('--secure-port <port>', 'port to listen on', portFlag, 6443)
      .option(
        '--advertise-address <ip>',
        'address of the "kubernetes" service\'s endpoint; default: this host\'s first',
      )
      .option('--advertise-port <port>', 'its port; default: the secure port', portFlag)
      .requiredOption('--tls-cert-file <file>', 'serving certificate')
      .requiredOption('--tls-private-key-file <file>', 'its key')
      .requiredOption('--client-ca-file <file>', 'CA whose client certificates are believed')
      .requiredOption('--service-account-key-file <file>', 'public key that verifies service-account tokens')
      .requiredOption('--service-account-signing-key-file <file>', 'private key that signs them')
      .option('--service-account-issuer <url>', 'their issuer', 'https://kubernetes.default.svc.cluster.local')
      .option('--service-cluster-ip-range <cidr>', 'addresses of Services', '10.96.0.0/16')
      .option('--service-node-port-range <first-last>', 'node ports of Services', '30000-32767')
      .requiredOption('--kubelet-client-certificate <file>', 'client certificate towards node agents')
      .requiredOption('--kubelet-client-key <file>', 'its key')
      .requiredOption('--kubelet-certificate-authority <file>', "CA that signed the agents' serving certificates")
      .option(
        '--watch-bookmark-interval <duration>',
        'how often idle watches are told how far history has moved',
        durationFlag,
        20_000,
      )
      .option('--token-auth-file <file>', 'CSV of static bearer tokens: token,user,uid,"group1,group2"'),
  run,
);
