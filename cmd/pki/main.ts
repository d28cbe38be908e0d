import { Command, InvalidArgumentError } from 'commander';
import { systemClock } from '#async/clock.ts';
import { ensurePki, inspectPki, planPki, renderInspection } from '#pki/pki.ts';

interface EnsureFlags {
  dir: string;
  server: string;
  controlPlaneServer?: string;
  nodeServer?: string;
  san: string[];
  serviceAddress: string;
  etcd?: Record<string, string[]>;
  node: Record<string, string[]>;
}

const list = (text: string, before: string[] = []): string[] => [...before, ...text.split(',').filter(Boolean)];

/** "name=host,host", repeatable. */
function named(text: string, before: Record<string, string[]> = {}): Record<string, string[]> {
  const [name = '', hosts = ''] = text.split('=');
  if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name))
    throw new InvalidArgumentError('It must be name=address,address.');
  return { ...before, [name]: list(hosts) };
}

async function ensure(flags: EnsureFlags): Promise<void> {
  const plan = planPki({
    server: flags.server,
    ...(flags.controlPlaneServer ? { controlPlaneServer: flags.controlPlaneServer } : {}),
    ...(flags.nodeServer ? { nodeServer: flags.nodeServer } : {}),
    apiserverHosts: flags.san,
    serviceAddress: flags.serviceAddress,
    ...(flags.etcd ? { etcd: flags.etcd } : {}),
    nodes: flags.node,
  });
  const issued = await ensurePki(flags.dir, plan, systemClock.now());
  for (const { file, why } of issued) console.log(`${file}: issued (${why})`);
  const total = plan.certificates.length;
  if (issued.length === 0) console.log(`all ${total} certificates in ${flags.dir} are good`);
}

async function inspect(flags: { dir: string }): Promise<void> {
  console.log(renderInspection(await inspectPki(flags.dir), systemClock.now()));
}

const program = new Command('pki').description('Certificates, keys and kubeconfigs of a cluster.');
program
  .command('ensure')
  .description('make what is missing, ends within 30 days or lacks a name; keep the rest')
  .option('--dir <folder>', 'the cluster folder', '.cluster')
  .option('--server <url>', 'API server URL in admin.conf', 'https://127.0.0.1:6443')
  .option('--control-plane-server <url>', 'URL for scheduler and controller manager; default: --server')
  .option('--node-server <url>', 'URL for agents and proxies; default: --server')
  .option('--san <hosts>', 'more names and addresses of the API server, repeatable', list, [])
  .option('--service-address <ip>', 'address of the kubernetes Service', '10.96.0.1')
  .option('--etcd <name=hosts>', 'an etcd member, repeatable; default: etcd1, etcd2, etcd3', named)
  .option('--node <name=addresses>', 'a node, repeatable', named, {})
  .action(ensure);
program
  .command('inspect')
  .description('list every certificate: subject, issuer, expiry, names')
  .option('--dir <folder>', 'the cluster folder', '.cluster')
  .action(inspect);

try {
  await program.parseAsync();
} catch (e) {
  const { code, message } = e as NodeJS.ErrnoException;
  console.error(`pki: ${code === 'ENOENT' ? 'no certificates there yet; run "pki ensure" first' : message}`);
  process.exitCode = 1;
}
