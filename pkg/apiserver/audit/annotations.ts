import { randomUUID } from 'node:crypto';
import type { Verdict } from './policy.ts';

/**
 * What is noted of a request in its entry of the audit log, beside what it asked and was answered ("Audit Annotations").
 * A request that is not written down has none.
 */
export class AuditAnnotations extends Map<string, string> {
  /** What the policy says of the request, at all of its stages. */
  readonly verdict: Verdict;
  /** What all entries of the request have in common. */
  readonly auditID: string;

  /** @param auditID default: a new one */
  constructor(verdict: Verdict, auditID: string = randomUUID()) {
    super();
    this.verdict = verdict;
    this.auditID = auditID;
  }

  /** Are the objects of the request written down, too? */
  get withObjects(): boolean {
    return this.verdict.level === 'Request' || this.verdict.level === 'RequestResponse';
  }
}
