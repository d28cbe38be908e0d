import type { Command } from 'commander';
import type { CopyFlags } from '../commands/cp.ts';
import type { ForwardFlags } from '../forward/port-forward.ts';
import type { ProxyFlags } from '../forward/proxy.ts';
import { collect, flag } from './flags.ts';
import type { Session } from './session.ts';

/** Commands that bring what is in the cluster here, and what is here into it. */
export function reaching(program: Command, session: Session): void {
  const forward = program
    .command('port-forward [what...]')
    .description('Reach ports of a pod here: cox port-forward svc/web 8080:80; goes on when the pod is replaced')
    .option('--address <addresses>', 'addresses to listen on; default: localhost', collect)
    .option('--pod-running-timeout <duration>', 'give up waiting for the pod to run after this long', '1m');
  session.action<ForwardFlags>(forward, async (ctx, args, o) =>
    (await import('../forward/port-forward.ts')).portForward(ctx, args, o),
  );
  const cp = program
    .command('cp [what...]')
    .description('Copy files and folders to and from containers: cox cp notes.txt web-0:/tmp/')
    .option('-c, --container <name>', 'which container')
    .option('--no-preserve', 'do not keep owners and permissions')
    .option('--retries <n>', 'taken, and not needed', '0');
  session.action<CopyFlags>(cp, async (ctx, args, o) => (await import('../commands/cp.ts')).cp(ctx, args, o));
  const proxy = program
    .command('proxy')
    .description('The API on a local port, with your credentials')
    .option('-p, --port <port>', 'port to listen on; 0 for any', '8001')
    .option('--address <ip>', 'address to listen on', '127.0.0.1')
    .option('-u, --unix-socket <file>', 'socket to listen on instead')
    .option('--api-prefix <path>', 'only below this path', '/')
    .option('--accept-hosts <patterns>', 'Host headers that pass')
    .option('--accept-paths <patterns>', 'paths that pass')
    .option('--reject-paths <patterns>', 'paths that do not')
    .option('--reject-methods <patterns>', 'methods that do not')
    .option('-w, --www <folder>', 'serve the files of this folder, too')
    .option('-P, --www-prefix <path>', 'below this path', '/static/')
    .option('--keepalive <duration>', 'how long a connection without requests is kept', '0s');
  flag(proxy, '--append-server-path', "taken, and not needed: the path of the server's address always goes before");
  flag(proxy, '--disable-filter', 'let everything pass');
  session.action<ProxyFlags>(proxy, async (ctx, _args, o) => (await import('../forward/proxy.ts')).proxy(ctx, o));
}
