import { randomUUID } from 'node:crypto';
import type { Level } from './policy.ts';

/**
 * What is noted of a request in its entry of the audit log, beside what it asked and was answered ("Audit Annotations").
 * A request that is not written down has none.
 */
export class AuditAnnotations extends Map<string, string> {
  /** How much of the request is written down. */
  readonly level: Level;
  /** What all entries of the request have in common. */
  readonly auditID: string;

  /** @param auditID default: a new one */
  constructor(level: Level, auditID: string = randomUUID()) {
    super();
    this.level = level;
    this.auditID = auditID;
  }

  /** Are the objects of the request written down, too? */
  get withObjects(): boolean {
    return this.level === 'Request' || this.level === 'RequestResponse';
  }
}
