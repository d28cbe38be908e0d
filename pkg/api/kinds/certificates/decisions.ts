import { duplicate, type FieldError, forbidden, invalid, notSupported, required } from '../../meta/fielderrors.ts';

/** What of a CertificateSigningRequest its decisions are checked by. */
export interface Decided {
  status?: { conditions?: Condition[]; certificate?: string };
}
interface Condition {
  type: string;
  status: string;
  lastUpdateTime?: string;
  lastTransitionTime?: string;
}

const CONDITIONS = 'status.conditions';
const CERTIFICATE = 'status.certificate';
/** Set by the approval subresource alone. */
const DECISIONS = ['Approved', 'Denied'];
/** These are said or not said: there is no "not approved". */
const FINAL = [...DECISIONS, 'Failed'];

const conditionsOf = (o: Decided): Condition[] => o.status?.conditions ?? [];
const has = (o: Decided, type: string): boolean => conditionsOf(o).some((c) => c.type === type);

/** Fills in the times that a writer left out. @param now of the API, such as "2026-01-02T03:04:05Z" */
export function stamp(o: Decided, old: Decided, now: string): void {
  if (!o.status?.conditions) return;
  const conditions = o.status.conditions.map((c) => {
    const before = conditionsOf(old).find(({ type, status }) => type === c.type && status === c.status);
    return { lastUpdateTime: now, lastTransitionTime: before?.lastTransitionTime ?? now, ...c };
  });
  o.status = { ...o.status, conditions };
}

function validateConditions(o: Decided): FieldError[] {
  const seen = new Set<string>();
  const found: FieldError[] = [];
  for (const [i, { type, status }] of conditionsOf(o).entries()) {
    const path = `${CONDITIONS}[${i}]`;
    if (!type) found.push(required(`${path}.type`));
    else if (seen.has(type)) found.push(duplicate(`${path}.type`, type));
    seen.add(type);
    const allowed = FINAL.includes(type) ? ['True'] : ['False', 'True', 'Unknown'];
    if (!status) found.push(required(`${path}.status`));
    else if (!allowed.includes(status)) found.push(notSupported(`${path}.status`, status, allowed));
  }
  if (DECISIONS.every((t) => seen.has(t))) {
    found.push(invalid(CONDITIONS, 'Denied', 'Approved and Denied conditions are mutually exclusive'));
  }
  return found;
}

const removed = (o: Decided, old: Decided): FieldError[] =>
  FINAL.filter((t) => has(old, t) && !has(o, t)).map((t) =>
    forbidden(CONDITIONS, `updates may not remove a condition of type "${t}"`),
  );

/** A decision is final: it is neither taken back nor joined by its opposite. */
export const validateApproval = (o: Decided, old: Decided): FieldError[] => [
  ...validateConditions(o),
  ...removed(o, old),
];

/** What signers write: a certificate, once, or that they failed. Nobody approves a request this way. */
export function validateIssued(o: Decided, old: Decided): FieldError[] {
  const found = [...validateConditions(o), ...removed(o, old)];
  for (const t of DECISIONS) {
    if (has(o, t) && !has(old, t)) found.push(forbidden(CONDITIONS, `updates may not add a condition of type "${t}"`));
  }
  const [now = '', before = ''] = [o.status?.certificate, old.status?.certificate];
  if (now === before) return found;
  if (before) found.push(forbidden(CERTIFICATE, 'updates may not modify existing certificate content'));
  const blocks = [
    ...Buffer.from(now, 'base64')
      .toString('latin1')
      .matchAll(/^-----BEGIN ([^\n]*)-----\s*$/gm),
  ];
  if (now && blocks.length === 0)
    found.push(invalid(CERTIFICATE, now, 'must contain at least one CERTIFICATE PEM block'));
  if (blocks.some(([, label]) => label !== 'CERTIFICATE'))
    found.push(invalid(CERTIFICATE, now, 'only CERTIFICATE PEM blocks are allowed'));
  return found;
}
