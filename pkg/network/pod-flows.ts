import { familyOf } from '#api/meta/ip.ts';
import { deletionProblem } from '#process/conntrack.ts';
import type { Exec } from '#process/exec.ts';

const TIMEOUT_MS = 10_000;
/** With precedence where it may take it, and waiting for nobody who reads what it lists. */
const AT_ONCE = 'chrt -r -p 1 $$ >/dev/null 2>&1; exec conntrack "$@" >/dev/null';

/**
 * Makes the kernel forget the connections to a pod that is down. Docker does the same when it takes the network of the pod
 * away, but from a list that it reads as a whole and goes through for seconds. Meanwhile a client may come back from the same
 * port and be sent to another pod: the kernel puts that connection where the old one was, so that even its id is that of
 * the one on Docker's list, which then cuts it. Here they are ended as they are read, a few dozen at a time and before all other
 * work of the machine, which leaves a millisecond for that; and Docker finds none.
 * @param podIps of the pod, one of each address family at most
 * @throws Error with conntrack's words, or when it is not there
 */
export async function forgetPodFlows(exec: Exec, podIps: readonly string[]): Promise<void> {
  for (const ip of podIps) {
    const args = ['-D', '-f', familyOf(ip).toLowerCase(), '--reply-src', ip];
    const result = await exec('sh', ['-c', AT_ONCE, 'conntrack', ...args], { timeoutMs: TIMEOUT_MS });
    const problem = deletionProblem(result);
    if (problem !== undefined) throw new Error(`conntrack: ${problem.slice(0, 500)}`);
  }
}
