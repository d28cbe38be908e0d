import type { Command } from 'commander';
import type { NodeFlags } from '../nodes/cordon.ts';
import type { DrainFlags } from '../nodes/drain.ts';
import type { TaintFlags } from '../nodes/taint.ts';
import { dryRun, flag, selector, writes } from './flags.ts';
import type { Session } from './session.ts';

/** Commands about nodes. */
export function nodes(program: Command, session: Session): void {
  for (const [name, wanted, text] of [
    ['cordon', true, 'Close a node to new pods'],
    ['uncordon', false, 'Open a node to new pods again'],
  ] as const) {
    const command = selector(dryRun(program.command(`${name} [node...]`))).description(text);
    session.action<NodeFlags>(command, async (ctx, args, o) =>
      (await import('../nodes/cordon.ts')).cordon(ctx, args, wanted, o),
    );
  }
  drainCommand(program, session);
  const taint = selector(writes(program.command('taint [what...]'))).description(
    'Keep pods off nodes that do not tolerate it: cox taint nodes node1 disk=slow:NoSchedule disk-',
  );
  flag(taint, '--all', 'all nodes');
  flag(taint, '--overwrite', 'change taints that have another value');
  session.action<TaintFlags>(taint, async (ctx, args, o) => (await import('../nodes/taint.ts')).taint(ctx, args, o));
}

function drainCommand(program: Command, session: Session): void {
  const drain = selector(dryRun(program.command('drain [node...]')))
    .description('Close a node and move its pods elsewhere, as disruption budgets allow')
    .option('--pod-selector <labels>', 'only pods with these labels')
    .option('--grace-period <seconds>', 'time processes get to end')
    .option('--timeout <duration>', 'give up after this long', '0s')
    .option('--skip-wait-for-delete-timeout <seconds>', 'do not wait for pods that are being deleted longer than this')
    .option('--chunk-size <n>', 'objects per request', '500');
  flag(drain, '--force', 'pods that nothing makes anew, too');
  flag(drain, '--ignore-daemonsets', 'leave pods of DaemonSets where they are');
  flag(drain, '--delete-emptydir-data', 'pods with emptyDir volumes, too: their data is lost');
  flag(drain, '--disable-eviction', 'delete, regardless of disruption budgets');
  session.action<DrainFlags>(drain, async (ctx, args, o) => (await import('../nodes/drain.ts')).drain(ctx, args, o));
}
