import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { UserError } from '#process/main.ts';
import type { UserInfo } from '../request/context.ts';

const digest = (token: string): string => createHash('sha256').update(token).digest('hex');

/** Splits one CSV line with optional double quotes. */
function csvFields(line: string): string[] {
  const fields: string[] = [];
  for (const m of line.matchAll(/(?:^|,)\s*(?:"((?:[^"]|"")*)"|([^,]*))/g)) {
    fields.push((m[1] !== undefined ? m[1].replaceAll('""', '"') : (m[2] ?? '')).trim());
  }
  return fields;
}

/**
 * Static tokens: a CSV file of `token,user,uid,"group1,group2"` (Kubernetes "Static token file").
 * Tokens are kept as digests, so that a look-up leaks nothing by its timing.
 */
export function loadTokenFile(path: string): (token: string) => UserInfo | undefined {
  const users = new Map<string, UserInfo>();
  const lines = readFileSync(path, 'utf8').split('\n');
  for (const [i, line] of lines.entries()) {
    if (!line.trim() || line.startsWith('#')) continue;
    const [token, name, uid, groups] = csvFields(line);
    if (!token || !name) throw new UserError(`${path}, line ${i + 1}: a line needs at least token,user,uid`);
    users.set(digest(token), {
      name,
      ...(uid ? { uid } : {}),
      groups: groups ? groups.split(',').map((g) => g.trim()) : [],
    });
  }
  return (token) => users.get(digest(token));
}
