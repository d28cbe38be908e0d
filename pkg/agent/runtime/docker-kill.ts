import type Docker from 'dockerode';

/**
 * Ends the command of an exec and what it started, which Docker itself cannot do: the runtime gives each command a process group
 * of its own. What the command has put into another group is left alone. That it ended by itself meanwhile is no error.
 * @throws what Docker answers when it is asked for the process
 */
export async function killExec(exec: Pick<Docker.Exec, 'inspect'>): Promise<void> {
  const { Running, Pid } = await exec.inspect();
  if (!Running || Pid <= 1) return;
  for (const target of [-Pid, Pid]) {
    try {
      process.kill(target, 'SIGKILL');
      return;
    } catch {
      // There is no such group, or no such process any more.
    }
  }
}
