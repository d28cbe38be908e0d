import type { Exec } from '#process/exec.ts';
import type { Logger } from '#process/logger.ts';
import { ensureSysctl } from '#process/sysctl.ts';

/**
 * Node ports on 127.0.0.1 need packets from there to be routed. Call when the rules are in force that keep the network from
 * reaching what listens there alone.
 */
export async function routeLoopback({ exec, logger }: { readonly exec: Exec; readonly logger: Logger }): Promise<void> {
  const problem = await ensureSysctl(exec, 'net.ipv4.conf.all.route_localnet', '1');
  if (problem !== undefined) logger.warn({ problem }, 'node ports on 127.0.0.1 will not work');
}
