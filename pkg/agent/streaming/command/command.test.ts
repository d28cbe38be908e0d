import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { errors } from '#api/meta/errors.ts';
import { parseCommandOptions } from './options.ts';
import { ResizeDecoder } from './resize.ts';
import { encodeStatus, exitStatus, failureStatus } from './status.ts';

describe('parseCommandOptions', () => {
  const rest = { command: ['sh', '-c', 'ls'] };
  const command = 'command=sh&command=-c&command=ls';
  test.each([
    ['input=1&output=1&error=1', { stdin: true, stdout: true, stderr: true, tty: false }],
    ['stdin=true&stdout=true&stderr=true', { stdin: true, stdout: true, stderr: true, tty: false }],
    ['stdin=true&stdout=true&stderr=true&tty=true', { stdin: true, stdout: true, stderr: false, tty: true }],
    ['stdin=false&stdout=1&stderr=0&tty=false', { stdin: false, stdout: true, stderr: false, tty: false }],
  ])('%s', (query, wanted) => {
    expect(parseCommandOptions(new URLSearchParams(`${command}&${query}`))).toEqual({ ...rest, ...wanted });
  });

  test('at least one stream', () => {
    expect(() => parseCommandOptions(new URLSearchParams(command))).toThrow('at least 1 of stdin, stdout, stderr');
  });
});

describe('ResizeDecoder', () => {
  test.prop([
    fc.array(fc.tuple(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 500 }))),
    fc.integer({ min: 1, max: 40 }),
  ])('reads sizes split anywhere', (sizes, step) => {
    const bytes = Buffer.from(sizes.map(([Width, Height]) => `${JSON.stringify({ Width, Height })}\n`).join(''));
    const decoder = new ResizeDecoder();
    const found = [];
    for (let at = 0; at < bytes.length; at += step) found.push(...decoder.push(bytes.subarray(at, at + step)));
    expect(found).toEqual(sizes.map(([columns, rows]) => ({ columns, rows })));
  });

  test('skips what is no size, and keeps no garbage', () => {
    const decoder = new ResizeDecoder();
    expect(decoder.push(Buffer.from('{"Width":0,"Height":5}{"Width":"x"}}{"Width":8,"Height":9}'))).toEqual([
      { columns: 8, rows: 9 },
    ]);
    expect(decoder.push(Buffer.alloc(1 << 20, 'a'))).toEqual([]);
    expect(decoder.push(Buffer.from('{"Width":1,"Height":2}'))).toEqual([{ columns: 1, rows: 2 }]);
  });
});

describe('status', () => {
  test('success and failure of version 4', () => {
    expect(JSON.parse(encodeStatus(exitStatus(0), 4))).toEqual({ metadata: {}, status: 'Success' });
    expect(JSON.parse(encodeStatus(exitStatus(3), 4))).toMatchObject({
      status: 'Failure',
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: '3' }] },
    });
  });

  test('earlier versions get text, and nothing for success', () => {
    expect(encodeStatus(exitStatus(0), 3)).toBe('');
    expect(encodeStatus(exitStatus(3), 1)).toBe('command terminated with non-zero exit code: exit status 3');
  });

  test('a Status is passed on, other errors are internal', () => {
    expect(failureStatus(errors.badRequest('no')).message).toBe('no');
    expect(failureStatus(new Error('boom'))).toMatchObject({
      reason: 'InternalError',
      message: 'Internal error occurred: error executing command in container: boom',
    });
  });
});
