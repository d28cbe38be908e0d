import { resolve } from 'node:path';
import { type Clock, systemClock } from '#async/clock.ts';
import { systemExec } from '#process/exec.ts';
import { UserError } from '#process/user-error.ts';
import type { Kubeconfig } from './kubeconfig.ts';

/** `users[].user.exec` of a kubeconfig: a program that prints credentials (client.authentication.k8s.io). */
export interface ExecPlugin {
  apiVersion?: string;
  command?: string;
  args?: string[];
  env?: { name: string; value: string }[];
  installHint?: string;
}

interface Credential {
  readonly token?: string;
  readonly clientCertificateData?: string;
  readonly clientKeyData?: string;
  readonly expirationTimestamp?: string;
}

/** A user may have to type a password or touch a key. */
const TIMEOUT_MS = 120_000;
/** Renewed this long before the end. */
const MARGIN_MS = 10_000;
const MAX_OUTPUT = 1 << 20;

/**
 * Runs the program once; a token that expires is renewed by running it again. A certificate serves until the process ends.
 * @param base folder that a relative command path starts from.
 */
export async function runExecPlugin(
  plugin: ExecPlugin,
  base: string,
  clock: Clock = systemClock,
): Promise<Partial<Kubeconfig>> {
  let current = await askPlugin(plugin, base);
  const { clientCertificateData: cert, clientKeyData: key } = current;
  let renewing: Promise<string | undefined> | undefined;
  const renew = async (): Promise<string | undefined> => {
    try {
      current = await askPlugin(plugin, base);
      return current.token;
    } finally {
      renewing = undefined;
    }
  };
  const tokenSource = (): string | undefined | Promise<string | undefined> => {
    const { token, expirationTimestamp } = current;
    if (!expirationTimestamp || clock.now() < Date.parse(expirationTimestamp) - MARGIN_MS) return token;
    renewing ??= renew();
    return renewing;
  };
  return {
    ...(current.token ? { tokenSource } : {}),
    ...(cert && key ? { cert: Buffer.from(cert), key: Buffer.from(key) } : {}),
  };
}

async function askPlugin(plugin: ExecPlugin, base: string): Promise<Credential> {
  const { command = '', apiVersion = 'client.authentication.k8s.io/v1' } = plugin;
  const program = command.includes('/') ? resolve(base, command) : command;
  const info = { apiVersion, kind: 'ExecCredential', spec: { interactive: false } };
  const env = Object.fromEntries((plugin.env ?? []).map((e) => [e.name, e.value]));
  const failed = (why: string): UserError =>
    new UserError(
      `the credential program ${command} ${why}${plugin.installHint ? `; ${plugin.installHint.trim()}` : ''}`,
    );
  const result = await systemExec(program, plugin.args ?? [], {
    env: { ...env, KUBERNETES_EXEC_INFO: JSON.stringify(info) },
    timeoutMs: TIMEOUT_MS,
    maxOutputBytes: MAX_OUTPUT,
  }).catch((e: Error) => {
    throw failed(`failed: ${e.message}`);
  });
  if (result.code !== 0) throw failed(`failed with code ${result.code}: ${result.stderr.trim().slice(0, 300)}`);
  try {
    const { status } = JSON.parse(result.stdout) as { status?: Credential };
    if (status && (status.token || status.clientCertificateData)) return status;
  } catch {
    // Falls through: not JSON is as useless as JSON without credentials.
  }
  throw failed('printed no credentials');
}
