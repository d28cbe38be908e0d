import type { IncomingHttpHeaders } from 'node:http';
import { errors } from '#api/meta/errors.ts';
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
  /** What admission adds to the entry of the audit log. */
  readonly annotations?: Map<string, string>;
}

/** Options that every writing verb shares, from the query string. */
export interface WriteOptions {
  readonly dryRun: boolean;
  readonly fieldManager: string;
  readonly fieldValidation: FieldValidation;
  /** Texts for `Warning: 299` headers. */
  readonly warnings: string[];
  /** What admission adds to the entry of the audit log. */
  readonly annotations?: Map<string, string>;
}

const FIELD_VALIDATIONS: readonly string[] = ['Strict', 'Warn', 'Ignore'];

/** The first word of the user agent, which is what Kubernetes names a manager that did not name itself. */
const managerFromUserAgent = (agent: string | undefined): string => (agent ?? 'unknown').split('/')[0] ?? 'unknown';

/** Reads dryRun, fieldManager and fieldValidation. @throws StatusError 400 on values Kubernetes refuses. */
export function writeOptions(ctx: RequestContext): WriteOptions {
  const dryRun = ctx.query.getAll('dryRun').filter((v) => v !== '');
  if (dryRun.some((v) => v !== 'All'))
    throw errors.badRequest(`dryRun: Unsupported value: "${dryRun[0]}": supported values: "All"`);
  const validation = ctx.query.get('fieldValidation') || 'Warn';
  if (!FIELD_VALIDATIONS.includes(validation)) {
    throw errors.badRequest(
      `fieldValidation: Unsupported value: "${validation}": supported values: "Ignore", "Strict", "Warn"`,
    );
  }
  return {
    dryRun: dryRun.length > 0,
    fieldManager: ctx.query.get('fieldManager') || managerFromUserAgent(ctx.headers['user-agent']),
    fieldValidation: validation as FieldValidation,
    warnings: ctx.warnings,
    ...(ctx.annotations ? { annotations: ctx.annotations } : {}),
  };
}
