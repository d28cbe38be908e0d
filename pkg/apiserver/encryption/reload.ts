import { readFileSync } from 'node:fs';
import type { Clock } from '#async/clock.ts';
import type { Logger } from '#process/logger.ts';
import { loadEncryption } from './config.ts';
import type { EncryptedStorage } from './storage.ts';

const LOOK_EVERY_MS = 2000;

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * Takes over what the file says whenever it has changed, until the signal aborts. A file that makes no sense is reported,
 * and what was valid before stays valid.
 */
export function reloadEncryption(
  storage: EncryptedStorage,
  path: string,
  { clock, logger, signal }: { clock: Clock; logger: Logger; signal: AbortSignal },
): void {
  let known = contentOf(path);
  const look = (): void => {
    if (signal.aborted) return;
    const content = contentOf(path);
    if (content !== known) {
      known = content;
      try {
        storage.use(loadEncryption(path));
        logger.info({ path }, 'the encryption configuration was loaded anew');
      } catch (err) {
        logger.error({ err, path }, 'the new encryption configuration is not used');
      }
    }
    clock.after(LOOK_EVERY_MS, look, { unref: true });
  };
  clock.after(LOOK_EVERY_MS, look, { unref: true });
}
