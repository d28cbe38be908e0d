import { resolve } from 'node:path';
import { systemClock } from '#async/clock.ts';
import { inspectPki, pkiFolder, renderInspection, renewPki } from '#pki/pki.ts';
import { CliError } from '../errors.ts';

type Out = (text: string) => void;

export interface CertsFlags {
  readonly dir?: string;
}

const DAY_MS = 86_400_000;
/** From this many days before its end on a certificate should be renewed. */
const SOON_DAYS = 30;

const folderOf = (o: CertsFlags): string => resolve(o.dir ?? '.cluster');

async function factsOf(dir: string) {
  try {
    return await inspectPki(dir);
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code !== 'ENOENT') throw e;
    throw new CliError(`there are no certificates in ${pkiFolder(dir)}: name the cluster folder with --dir`);
  }
}

/** `cox cluster certs check`. @returns 1 when one has ended or ends soon */
export async function checkCerts(out: Out, o: CertsFlags): Promise<number> {
  const facts = await factsOf(folderOf(o));
  const now = systemClock.now();
  out(`${renderInspection(facts, now)}\n`);
  const late = facts.filter((f) => f.expires - now < SOON_DAYS * DAY_MS);
  if (late.length === 0) return 0;
  const names = late.map((f) => f.file).join(', ');
  out(`${names}: ended, or less than ${SOON_DAYS} days left\nNext: cox cluster certs renew\n`);
  return 1;
}

/** `cox cluster certs renew [NAME…]`: new certificates of the same authorities, for the same names, and the kubeconfigs with them. */
export async function renewCerts(out: Out, args: readonly string[], o: CertsFlags): Promise<void> {
  const dir = folderOf(o);
  const known = new Set((await factsOf(dir)).map((f) => f.file));
  const strange = args.find((a) => !known.has(a));
  if (strange !== undefined)
    throw new CliError(`there is no certificate "${strange}"; "cox cluster certs check" lists them`);
  const renewed = await renewPki(dir, args, systemClock.now());
  for (const file of renewed) out(`${file} renewed\n`);
  out('Next: restart the processes that use them; agents and API servers hold what they read at their start\n');
}
