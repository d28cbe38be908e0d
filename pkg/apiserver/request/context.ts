import type { IncomingHttpHeaders } from 'node:http';
import { errors, type StatusError } from '#api/meta/errors.ts';
import { type FieldError, invalid, notSupported, tooLong } from '#api/meta/fielderrors.ts';
import type { AuditAnnotations } from '../audit/annotations.ts';
import type { RequestInfo } from './info.ts';

/** Who asks: the outcome of authentication. */
export interface UserInfo {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

/** Everything a handler may know of a request. */
export interface RequestContext {
  readonly info: RequestInfo;
  readonly user: UserInfo;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Texts for `Warning: 299` headers. */
  readonly warnings: string[];
  /** Absent for a request that the audit log does not have. */
  readonly annotations?: AuditAnnotations | undefined;
}

/** Options that every writing verb shares, from the query string. */
export interface WriteOptions {
  readonly dryRun: boolean;
  readonly fieldManager: string;
  readonly fieldValidation: FieldValidation;
  /** Texts for `Warning: 299` headers. */
  readonly warnings: string[];
  /** Absent for a request that the audit log does not have. */
  readonly annotations?: AuditAnnotations | undefined;
}

const FIELD_VALIDATIONS: readonly string[] = ['', 'Strict', 'Warn', 'Ignore'];

/** Of a manager, in bytes. */
const MAX_MANAGER = 128;
/** All that is not printed, except the space. */
const UNPRINTABLE = /(?! )[\p{C}\p{Z}]/u;

const OPTION_KINDS: Readonly<Record<string, string>> = {
  create: 'CreateOptions',
  update: 'UpdateOptions',
  patch: 'PatchOptions',
};

/** Options of a writing verb that make no sense, as Kubernetes tells of them: each a field of the verb's options. 422. */
export const wrongOptions = (verb: string, problems: readonly FieldError[]): StatusError =>
  errors.invalid({ group: 'meta.k8s.io', plural: '', kind: OPTION_KINDS[verb] ?? 'DeleteOptions' }, '', problems);

/** The first word of the user agent, which is what Kubernetes names a manager that did not name itself. */
const managerFromUserAgent = (agent: string | undefined): string => (agent ?? 'unknown').split('/')[0] ?? 'unknown';

function managerProblems(manager: string): FieldError[] {
  if (Buffer.byteLength(manager) > MAX_MANAGER) return [tooLong('fieldManager', MAX_MANAGER)];
  return UNPRINTABLE.test(manager) ? [invalid('fieldManager', manager, 'must be printable characters')] : [];
}

/** Reads dryRun, fieldManager and fieldValidation. @throws StatusError 422 on values Kubernetes refuses. */
export function writeOptions({ info, query, headers, warnings, annotations }: RequestContext): WriteOptions {
  const dryRun = query.getAll('dryRun').filter((v) => v !== '');
  const validation = query.get('fieldValidation') ?? '';
  const manager = query.get('fieldManager') ?? '';
  const problems = managerProblems(manager);
  if (dryRun.some((v) => v !== 'All')) problems.push(notSupported('dryRun', dryRun, ['All']));
  if (!FIELD_VALIDATIONS.includes(validation))
    problems.push(notSupported('fieldValidation', validation, FIELD_VALIDATIONS));
  if (problems.length > 0) throw wrongOptions(info.verb, problems);
  return {
    dryRun: dryRun.length > 0,
    fieldManager: manager || managerFromUserAgent(headers['user-agent']),
    fieldValidation: (validation || 'Warn') as FieldValidation,
    warnings,
    annotations,
  };
}
