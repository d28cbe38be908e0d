import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { assembleApiServer } from '#apiserver/assemble.ts';
import type { AuditOptions } from '#apiserver/audit/log.ts';
import { loadPolicy } from '#apiserver/audit/policy.ts';
import type { RequestHeaderOptions } from '#apiserver/authn/request-header.ts';
import { loadTokenFile } from '#apiserver/authn/tokenfile.ts';
import { loadEncryption } from '#apiserver/encryption/config.ts';
import { reloadEncryption } from '#apiserver/encryption/reload.ts';
import { EncryptedStorage } from '#apiserver/encryption/storage.ts';
import { systemClock } from '#async/clock.ts';
import {
  boolFlag,
  cidrsFlag,
  durationFlag,
  intRangeFlag,
  type MainContext,
  portFlag,
  runMain,
  UserError,
} from '#process/main.ts';
import { openEtcd } from '#storage/etcd/open.ts';
import { requireStorage } from '#storage/reachable.ts';
import type { Storage } from '#storage/storage.ts';

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
  serviceClusterIpRange: readonly string[];
  serviceNodePortRange: string;
  kubeletClientCertificate: string;
  kubeletClientKey: string;
  kubeletCertificateAuthority: string;
  encryptionProviderConfig?: string;
  encryptionProviderConfigAutomaticReload: boolean;
  proxyClientCertFile?: string;
  proxyClientKeyFile?: string;
  requestheaderClientCaFile?: string;
  requestheaderAllowedNames: readonly string[];
  requestheaderUsernameHeaders: readonly string[];
  requestheaderUidHeaders: readonly string[];
  requestheaderGroupHeaders: readonly string[];
  requestheaderExtraHeadersPrefix: readonly string[];
  tokenAuthFile?: string;
  watchBookmarkInterval: number;
  maxRequestsInflight: number;
  auditPolicyFile?: string;
  auditLogPath?: string;
  auditLogMaxsize: number;
  auditLogMaxbackup: number;
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

const listFlag = (text: string): string[] =>
  text
    .split(',')
    .map((t) => t.trim())
    .filter((t) => t !== '');

/** Whom this server believes as a front proxy, and how it shows others that it is one. */
function aggregation(f: Flags): {
  frontProxies?: RequestHeaderOptions;
  proxyClient?: { cert: Buffer; key: Buffer };
} {
  const { proxyClientCertFile: cert, proxyClientKeyFile: key, requestheaderClientCaFile: ca } = f;
  if ((cert === undefined) !== (key === undefined)) {
    throw new UserError('--proxy-client-cert-file and --proxy-client-key-file belong together: give both or neither');
  }
  const client =
    cert && key
      ? { cert: read('--proxy-client-cert-file', cert), key: read('--proxy-client-key-file', key) }
      : undefined;
  const proxies = ca && {
    ca: read('--requestheader-client-ca-file', ca),
    allowedNames: f.requestheaderAllowedNames,
    usernameHeaders: f.requestheaderUsernameHeaders,
    uidHeaders: f.requestheaderUidHeaders,
    groupHeaders: f.requestheaderGroupHeaders,
    extraPrefixes: f.requestheaderExtraHeadersPrefix,
  };
  return { ...(proxies ? { frontProxies: proxies } : {}), ...(client ? { proxyClient: client } : {}) };
}

/** Auditing needs a policy and a place. */
function audit(f: Flags): { audit?: AuditOptions } {
  if (!f.auditLogPath && !f.auditPolicyFile) return {};
  if (!f.auditLogPath || !f.auditPolicyFile) {
    throw new UserError('--audit-policy-file and --audit-log-path belong together: give both or neither');
  }
  const policy = loadPolicy(f.auditPolicyFile);
  const maxBytes = f.auditLogMaxsize * 2 ** 20;
  return { audit: { path: f.auditLogPath, policy, maxBytes, backups: f.auditLogMaxbackup } };
}

/** The store, with what the encryption configuration asks for laid over it. */
async function storageOf(f: Flags, { logger, signal }: MainContext): Promise<Storage> {
  const path = f.encryptionProviderConfig;
  const rules = path && loadEncryption(path);
  const etcd = await openEtcd({
    endpoints: f.etcdServers.split(','),
    ...(f.etcdCafile ? { caFile: f.etcdCafile } : {}),
    ...(f.etcdCertfile ? { certFile: f.etcdCertfile } : {}),
    ...(f.etcdKeyfile ? { keyFile: f.etcdKeyfile } : {}),
    logger,
  });
  if (!path || !rules) return etcd;
  const storage = new EncryptedStorage(etcd, rules);
  if (f.encryptionProviderConfigAutomaticReload)
    reloadEncryption(storage, path, { clock: systemClock, logger, signal });
  return storage;
}

async function run(f: Flags, context: MainContext): Promise<void> {
  const { logger, signal, featureGates } = context;
  const auditing = audit(f);
  const storage = await storageOf(f, context);
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
    ...aggregation(f),
    ...(f.tokenAuthFile ? { staticTokens: loadTokenFile(f.tokenAuthFile) } : {}),
    serviceCidrs: f.serviceClusterIpRange,
    nodePorts: portRange(f.serviceNodePortRange),
    advertiseAddress: f.advertiseAddress ?? hostAddress(),
    advertisePort: f.advertisePort ?? f.securePort,
    bookmarkIntervalMs: f.watchBookmarkInterval,
    maxRequestsInFlight: f.maxRequestsInflight,
    nodesWithSelectors: featureGates.get('AuthorizeNodeWithSelectors') ?? true,
    ...auditing,
  });
  try {
    await server.app.listen({ host: f.bindAddress, port: f.securePort });
    logger.info({ address: f.bindAddress, port: f.securePort }, 'listening');
    await requireStorage({ storage, endpoints: f.etcdServers, clock: systemClock, logger, signal });
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
      .requiredOption(
        '--etcd-servers <urls>',
        'etcd members, comma-separated: https://name:port, or unix:///path on this machine',
      )
      .option('--etcd-cafile <file>', 'CA that signed the etcd servers, for https')
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
      .option(
        '--service-cluster-ip-range <cidrs>',
        'addresses of Services: one range, or one of each address family',
        cidrsFlag,
        ['10.96.0.0/16'],
      )
      .option('--service-node-port-range <first-last>', 'node ports of Services', '30000-32767')
      .requiredOption('--kubelet-client-certificate <file>', 'client certificate towards node agents')
      .requiredOption('--kubelet-client-key <file>', 'its key')
      .requiredOption('--kubelet-certificate-authority <file>', "CA that signed the agents' serving certificates")
      .option('--encryption-provider-config <file>', 'how resources are encrypted in etcd: an EncryptionConfiguration')
      .option('--encryption-provider-config-automatic-reload [bool]', 'follow changes of that file', boolFlag, false)
      .option('--proxy-client-cert-file <file>', 'client certificate towards aggregated API servers')
      .option('--proxy-client-key-file <file>', 'its key')
      .option('--requestheader-client-ca-file <file>', 'CA of front proxies that may say for whom they ask')
      .option('--requestheader-allowed-names <names>', 'common names of such proxies; empty: any', listFlag, [])
      .option('--requestheader-username-headers <names>', 'headers with the user', listFlag, ['X-Remote-User'])
      .option('--requestheader-uid-headers <names>', 'headers with its uid', listFlag, ['X-Remote-Uid'])
      .option('--requestheader-group-headers <names>', 'headers with its groups', listFlag, ['X-Remote-Group'])
      .option('--requestheader-extra-headers-prefix <prefixes>', 'how headers with extra attributes begin', listFlag, [
        'X-Remote-Extra-',
      ])
      .option(
        '--watch-bookmark-interval <duration>',
        'how often idle watches are told how far history has moved',
        durationFlag,
        20_000,
      )
      .option(
        '--max-requests-inflight <count>',
        'requests carried out at a time; others wait their turn',
        intRangeFlag(1, 100_000),
        600,
      )
      .option('--audit-policy-file <file>', 'which requests are written down: an audit.k8s.io/v1 Policy')
      .option('--audit-log-path <file>', 'where they are written')
      .option('--audit-log-maxsize <MB>', 'size at which the log is put aside', intRangeFlag(1, 10_000), 100)
      .option('--audit-log-maxbackup <count>', 'how many that were put aside are kept', intRangeFlag(0, 100), 5)
      .option('--token-auth-file <file>', 'CSV of static bearer tokens: token,user,uid,"group1,group2"'),
  run,
);
