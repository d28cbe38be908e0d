import { appendFileSync } from 'node:fs';

/** Named checks, in order; each returns what it saw and what it should have seen. */
export type Checks = Readonly<Record<string, () => Promise<readonly [seen: unknown, wanted: unknown]>>>;

/** In the guest: tells what each check saw, for `checksInGuest` outside. One that fails does not end the others. */
export async function runChecks(checks: Checks): Promise<void> {
  for (const [name, check] of Object.entries(checks)) {
    const result = await check().catch((e: Error) => [e.stack ?? e.message, 'no error'] as const);
    const [seen = null, wanted = null] = result;
    appendFileSync('/run/out/results', `${JSON.stringify({ name, seen, wanted })}\n`);
  }
}
