/** Clients of the guest's web servers, and of one that speaks SCTP. */
import { systemExec } from '#process/exec.ts';

/** What makes a line of words run in a namespace ("" is the node): no program of it needs libraries, which cost most here. */
export const within = (from: string): string[] =>
  from === '' ? [] : ['busybox', 'nsenter', `--net=/run/netns/${from}`, '--'];
// No -T: busybox 1.35 crashes with it.
export const wgetOf = (address: string, path: string): string[] => [
  'busybox',
  'wget',
  '-qO-',
  `http://${address}/cgi-bin/${path}`,
];
const PATIENCE_S = 30;

/** Answer of a web server to a namespace: "<client address> <pod>"; undefined: none. */
export async function ask(
  from: string,
  address: string,
  o: { path?: string; patience?: number } = {},
): Promise<string | undefined> {
  const { path = 'whoami', patience = PATIENCE_S } = o;
  const [command = '', ...args] = [...within(from), ...wgetOf(address, path)];
  // One that throws has not ended in time.
  const ended = await systemExec(command, args, { timeoutMs: patience * 1000 }).catch(() => undefined);
  return ended?.code === 0 ? ended.stdout.replace(/[[\]]/g, '') : undefined;
}
/** The pods that answer when one program asks several times, one after another, and as whom each saw the client. */
export async function askers(times: number, from: string, address: string): Promise<Map<string, string>> {
  const words = wgetOf(address, 'whoami').map((word) => `'${word}'`);
  const once = `${words.join(' ')} && echo || echo 'nobody nobody'`;
  const script = Array.from({ length: times }, () => once).join('\n');
  const [command = '', ...args] = [...within(from), 'busybox', 'sh', '-c', script];
  const { stdout } = await systemExec(command, args, { timeoutMs: times * PATIENCE_S * 1000 });
  const answers = stdout.replace(/[[\]]/g, '').trim().split('\n');
  return new Map(answers.map((line) => line.split(' ').reverse() as [pod: string, client: string]));
}
export const podsOf = (found: Map<string, string>): string => [...found.keys()].sort().join(' ');

/** Speaks SCTP (association.c). */
export const ASSOCIATION = process.env.ASSOCIATION ?? '';

/** What a server of SCTP says to a namespace, or what went wrong. */
export async function associate(from: string, address: string, port: number): Promise<string> {
  const [command = '', ...args] = [...within(from), ASSOCIATION, 'ask', address, `${port}`];
  const { stdout, stderr } = await systemExec(command, args, { timeoutMs: 3 * PATIENCE_S * 1000 });
  return stdout || stderr;
}
