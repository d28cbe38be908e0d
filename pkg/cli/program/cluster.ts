import type { Command } from 'commander';
import type { CertsFlags } from '../cluster/certs.ts';
import type { RestoreFlags, SnapshotFlags } from '../cluster/etcd.ts';
import type { ImportFlags } from '../cluster/image.ts';
import type { JoinFlags } from '../cluster/join/join.ts';
import type { ResetFlags, UpFlags } from '../cluster/machine.ts';
import type { BootstrapTokenFlags } from '../cluster/token.ts';
import type { UpgradeFlags } from '../cluster/upgrade.ts';
import { collect, flag } from './flags.ts';
import type { Session } from './session.ts';

const inFolder = (command: Command): Command => command.option('--dir <folder>', 'the cluster folder', '.cluster');

/** Commands about the life of a cluster. */
export function clusterLife(program: Command, session: Session): void {
  const { out } = session;
  const cluster = program
    .command('cluster')
    .description('Look after a cluster: its state, certificates, tokens and data');
  const status = cluster.command('status').description('How its parts are');
  session.action(status, async (ctx) => (await import('../cluster/status.ts')).status(ctx));
  const certs = cluster.command('certs').description('The certificates of the cluster folder');
  const check = inFolder(certs.command('check')).description('Show them, and fail when one ends soon');
  session.local<CertsFlags>(check, async (_args, o) => (await import('../cluster/certs.ts')).checkCerts(out, o));
  const renew = inFolder(certs.command('renew [name...]')).description(
    'Issue them, or some, anew, and kubeconfigs with them',
  );
  session.local<CertsFlags>(renew, async (args, o) => (await import('../cluster/certs.ts')).renewCerts(out, args, o));
  machineCommands(cluster, session);
  dataCommands(cluster, session);
  tokenCommands(cluster, session);
  joinCommand(cluster, session);
  const image = program.command('image').description('Images of this machine');
  const load = image
    .command('import [file...]')
    .description('Load images from archives, where they cannot be pulled')
    .option('--docker-host <url>', 'docker daemon of the node; default: $DOCKER_HOST, then that of this machine');
  session.local<ImportFlags>(load, async (args, o) => (await import('../cluster/image.ts')).importImages(out, args, o));
}

function machineCommands(cluster: Command, session: Session): void {
  const up = cluster
    .command('up')
    .description('Start a cluster of containers on this machine, with a workload to try')
    .option('--nodes <n>', 'how many nodes', '1');
  session.local<UpFlags>(up, async (_args, o) => (await import('../cluster/machine.ts')).clusterUp(o));
  const down = cluster.command('down').description('Take it away again; its data in .cluster stays');
  session.local(down, async () => (await import('../cluster/machine.ts')).clusterDown());
  const upgrade = cluster
    .command('upgrade')
    .description('Replace the programs of this machine by those of this installation, one at a time')
    .option('--root-dir <dir>', 'where everything of a node that has joined is kept', '/var/lib/coxswain');
  session.local<UpgradeFlags>(upgrade, async (_args, o) =>
    (await import('../cluster/upgrade.ts')).upgradeMachine(session.out, o),
  );
  const reset = cluster
    .command('reset')
    .description('Remove every trace of a node that has joined from this machine')
    .option('--root-dir <dir>', 'where everything of the node is kept', '/var/lib/coxswain');
  flag(reset, '-y, --yes', 'without asking');
  session.local<ResetFlags>(reset, async (_args, o) =>
    (await import('../cluster/machine.ts')).resetMachine(session, o),
  );
}

function dataCommands(cluster: Command, session: Session): void {
  const { out } = session;
  const snapshot = inFolder(cluster.command('snapshot [file...]'))
    .description('Write down everything the cluster knows (etcd)')
    .option('--endpoints <urls>', "etcd's members; default: those of `cox cluster up`, else https://127.0.0.1:2379");
  session.local<SnapshotFlags>(snapshot, async (args, o) =>
    (await import('../cluster/etcd.ts')).snapshot(out, args, o),
  );
  const restore = cluster
    .command('restore [file...]')
    .description("Make etcd's data anew from a snapshot; etcd and the API servers have to be stopped")
    .option('--data-dir <folder>', "folder with the members' folders", '.cluster/etcd')
    .option('--member <name>', 'this member only, where each has a machine of its own');
  flag(restore, '--force', 'put data aside that is there');
  session.local<RestoreFlags>(restore, async (args, o) => (await import('../cluster/etcd.ts')).restore(out, args, o));
}

function joinCommand(cluster: Command, session: Session): void {
  const join = cluster
    .command('join [server...]')
    .description('Make this machine a node of a cluster; --token says by which bootstrap token')
    .option('--discovery-token-ca-cert-hash <hash>', "sha256:… of the cluster's authority; repeatable", collect)
    .option('--node-name <name>', 'name of the node; default: that of this machine')
    .option('--node-ip <ip>', 'its address among the nodes; default: that by which it reaches the server')
    .option('--docker-host <url>', 'its docker daemon; default: $DOCKER_HOST, then unix:///var/run/docker.sock')
    .option('--root-dir <dir>', 'where everything of the node is kept', '/var/lib/coxswain')
    .option('--cgroup-root <path>', 'parent cgroup of all pods')
    .option('--cluster-cidr <cidr>', 'the pod network', '10.244.0.0/16')
    .option('--network-backend <name>', 'how pods reach those of other nodes: host-gw, vxlan or none', 'host-gw')
    .option(
      '--proxy-mode <mode>',
      'how Services are reached: iptables, nftables or ipvs; default: nftables where it is, else iptables',
    );
  flag(join, '--discovery-token-unsafe-skip-ca-verification', 'believe the token alone');
  session.local<JoinFlags>(join, async (args, o) =>
    (await import('../cluster/join/join.ts')).joinCluster(session.out, args, o),
  );
}

function tokenCommands(cluster: Command, session: Session): void {
  const token = cluster.command('token').description('Tokens by which machines join');
  const create = token
    .command('create')
    .description('Make one')
    .option('--ttl <duration>', 'how long it is good; 0s for ever', '24h')
    .option('--description <text>', 'what it is for');
  flag(create, '--print-join-command', 'print the whole command to be run on the machine that joins');
  session.action<BootstrapTokenFlags>(create, async (ctx, _args, o) =>
    (await import('../cluster/token.ts')).createBootstrapToken(ctx, o),
  );
  session.action(token.command('list').description('Show them'), async (ctx) =>
    (await import('../cluster/token.ts')).listBootstrapTokens(ctx),
  );
  session.action(token.command('delete [id...]').description('Delete them'), async (ctx, args) =>
    (await import('../cluster/token.ts')).deleteBootstrapTokens(ctx, args),
  );
}
