import { describe, expect, test } from 'vitest';
import { type Decided, stamp, validateApproval, validateIssued } from './decisions.ts';

const NOW = '2026-01-02T03:04:05Z';
const is = (type: string, status = 'True') => ({ type, status });
const request = (...conditions: ReturnType<typeof is>[]): Decided => ({ status: { conditions } });
const pem = (label: string): string =>
  Buffer.from(`-----BEGIN ${label}-----\nAAAA\n-----END ${label}-----\n`).toString('base64');
const issued = (certificate: string): Decided => ({ status: { conditions: [is('Approved')], certificate } });

test('times a writer left out are filled in; those of what stays are kept', () => {
  const earlier = '2020-01-01T00:00:00Z';
  const old = { status: { conditions: [{ ...is('Approved'), lastTransitionTime: earlier }] } };
  const next = request(is('Approved'), is('Failed'));
  stamp(next, old, NOW);
  expect(next.status?.conditions).toEqual([
    { ...is('Approved'), lastUpdateTime: NOW, lastTransitionTime: earlier },
    { ...is('Failed'), lastUpdateTime: NOW, lastTransitionTime: NOW },
  ]);
});

describe('what is refused', () => {
  test.each<[string, 'approval' | 'status', Decided, Decided, string]>([
    ['both decisions', 'approval', request(is('Approved'), is('Denied')), request(), 'mutually exclusive'],
    [
      'a decision taken back',
      'approval',
      request(),
      request(is('Denied')),
      'may not remove a condition of type "Denied"',
    ],
    ['a failure taken back', 'status', request(), request(is('Failed')), 'may not remove a condition of type "Failed"'],
    ['no decision', 'approval', request(is('Approved', 'False')), request(), 'supported values: "True"'],
    ['no such status', 'status', request(is('Other', 'Maybe')), request(), '"False", "True", "Unknown"'],
    ['a type twice', 'approval', request(is('Other'), is('Other')), request(), 'Duplicate value: "Other"'],
    [
      'a decision by a signer',
      'status',
      request(is('Approved')),
      request(),
      'may not add a condition of type "Approved"',
    ],
    [
      'another certificate',
      'status',
      issued(pem('CERTIFICATE')),
      issued('QQ=='),
      'may not modify existing certificate',
    ],
    ['no certificate', 'status', issued('QQ=='), issued(''), 'at least one CERTIFICATE PEM block'],
    ['a key', 'status', issued(pem('PRIVATE KEY')), issued(''), 'only CERTIFICATE PEM blocks'],
  ])('%s', (_what, part, next, old, why) => {
    const problems = (part === 'approval' ? validateApproval : validateIssued)(next, old);
    expect(problems.map((p) => p.message).join()).toContain(why);
  });
});

test('what is not', () => {
  expect(validateApproval(request(is('Approved'), is('Other', 'False')), request())).toEqual([]);
  expect(validateIssued(issued(pem('CERTIFICATE')), issued(''))).toEqual([]);
  expect(validateIssued(request(is('Denied'), is('Failed')), request(is('Denied')))).toEqual([]);
});
