import { expect, test } from 'vitest';
import { StatusError } from '#api/meta/errors.ts';
import { CliError, sentence } from './errors.ts';

const coded = (code: string): Error => Object.assign(new Error('said'), { code });
const status = (reason: string): StatusError =>
  new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    reason,
    message: 'why',
  } as never);

test.each([
  [new CliError('no'), 'error: no'],
  [new Error('no'), 'error: no'],
  [coded('ECONNREFUSED'), 'error: the server refused the connection; is the cluster up? (said)'],
  [
    coded('CERT_HAS_EXPIRED'),
    'error: the server\'s certificate has ended; renew it with "cox cluster certs renew" (said)',
  ],
  [new Error('x', { cause: coded('ENOTFOUND') }), "error: the server's name cannot be resolved (x)"],
  [coded('UNKNOWN'), 'error: said'],
  [new AggregateError([new CliError('no')]), 'error: no'],
  [new AggregateError([new CliError('no'), new CliError('nor this')]), 'no\nnor this'],
  [status('Forbidden'), 'Error from server (Forbidden): why'],
  [status('Unauthorized'), 'error: You must be logged in to the server (Unauthorized)'],
])('%s is told in sentences', (e, wanted) => {
  expect(sentence(e)).toBe(wanted);
});
