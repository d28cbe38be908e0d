import type { IpFamily } from '#api/meta/ip.ts';
import type { Exec } from '#process/exec.ts';
import { ensureSysctl } from '#process/sysctl.ts';

const SETTINGS: Readonly<Record<IpFamily, readonly string[]>> = {
  // What pods of one bridge say to each other has to pass the rules of Services and policies too.
  IPv4: ['net.ipv4.ip_forward', 'net.bridge.bridge-nf-call-iptables'],
  IPv6: ['net.ipv6.conf.all.forwarding', 'net.bridge.bridge-nf-call-ip6tables'],
};

/** Lets this node pass on packets of pods. @returns what went wrong */
export async function allowForwarding(exec: Exec, family: IpFamily): Promise<string[]> {
  const problems = family === 'IPv6' ? await keepAdvertisedRoutes(exec) : [];
  for (const key of SETTINGS[family]) {
    const problem = await ensureSysctl(exec, key, '1');
    if (problem !== undefined) problems.push(problem);
  }
  return problems;
}

interface Route {
  readonly dev?: string;
}

/**
 * A kernel that forwards takes itself for a router, and forgets what other routers told it, such as its default route,
 * unless it is told to listen to them all the same (accept_ra 2). Only interfaces that have such routes are changed.
 */
async function keepAdvertisedRoutes(exec: Exec): Promise<string[]> {
  const { stdout } = await exec('ip', ['-6', '-j', 'route', 'show', 'proto', 'ra']);
  const routes = JSON.parse(stdout || '[]') as Route[];
  const problems: string[] = [];
  for (const dev of new Set(routes.flatMap((r) => r.dev ?? []))) {
    // With slashes, for names of interfaces may have dots.
    const problem = await ensureSysctl(exec, `net/ipv6/conf/${dev}/accept_ra`, '2');
    if (problem !== undefined) problems.push(problem);
  }
  return problems;
}
