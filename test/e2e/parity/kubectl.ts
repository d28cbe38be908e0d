import { execFileSync } from 'node:child_process';
import { kubectls } from '../../bed/kubectls.ts';

/** Sentences and columns change with the years: only a kubectl of about our version can be compared with. */
const OLDEST = 32;

/** The newest kubectl of this machine, if cox can be compared with it. */
export function comparableKubectl(): string | undefined {
  const kubectl = kubectls().at(-1) ?? '';
  const text = execFileSync(kubectl, ['version', '--client', '-o', 'json'], { encoding: 'utf8' });
  const { clientVersion } = JSON.parse(text) as { clientVersion: { minor: string } };
  return Number(clientVersion.minor.replace(/\D/g, '')) >= OLDEST ? kubectl : undefined;
}
