import type { Command } from 'commander';
import type { CanIFlags } from '../auth/can-i.ts';
import type { ReconcileFlags } from '../auth/reconcile.ts';
import type { WriteFlags } from '../commands/write.ts';
import { allNamespaces, files, flag, output, writes } from './flags.ts';
import type { Session } from './session.ts';

/** Commands about who may do what. */
export function access(program: Command, session: Session): void {
  const auth = program.command('auth').description('Show who you are and what you may do');
  const can = allNamespaces(auth.command('can-i [what...]'))
    .description('May I? cox auth can-i delete pods, cox auth can-i --list')
    .option('--subresource <name>', 'status, log, … of the type')
    .option('--no-headers', 'with --list: rows without column names');
  flag(can, '--list', 'everything that is allowed in the namespace');
  flag(can, '-q, --quiet', 'only the exit code');
  session.action<CanIFlags>(can, async (ctx, args, o) => (await import('../auth/can-i.ts')).canI(ctx, args, o));
  const whoami = output(auth.command('whoami')).description('Who the server takes you for');
  session.action<{ output?: string }>(whoami, async (ctx, _args, o) =>
    (await import('../auth/whoami.ts')).whoami(ctx, o),
  );
  const reconcile = writes(files(auth.command('reconcile'))).description(
    'Give roles the rules and bindings the subjects that files say, keeping others',
  );
  flag(reconcile, '--remove-extra-permissions', 'take away rules the files do not have');
  flag(reconcile, '--remove-extra-subjects', 'take away subjects the files do not have');
  session.action<ReconcileFlags>(reconcile, async (ctx, _args, o) =>
    (await import('../auth/reconcile.ts')).reconcile(ctx, o),
  );
  const certificate = program.command('certificate').description('Decide on certificate signing requests');
  for (const [name, verdict] of [
    ['approve', 'Approved'],
    ['deny', 'Denied'],
  ] as const) {
    const command = output(files(certificate.command(`${name} [request...]`))).description(
      `${name === 'approve' ? 'Approve' : 'Deny'} certificate signing requests`,
    );
    flag(command, '--force', 'also those that are decided');
    session.action<WriteFlags & { force?: boolean }>(command, async (ctx, args, o) =>
      (await import('../auth/certificate.ts')).decide(ctx, verdict, args, o),
    );
  }
}
