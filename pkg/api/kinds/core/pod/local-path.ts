import { type FieldError, invalid } from '../../../meta/fielderrors.ts';

/** Not even part of it may lead upwards. */
export const backsteps = (path: string, value: string): FieldError[] =>
  value.split('/').includes('..') ? [invalid(path, value, "must not contain '..'")] : [];

/** A path inside a folder, such as a volume, may not lead out of it. */
export const validateLocalPath = (path: string, value: string): FieldError[] => [
  ...(value.startsWith('/') ? [invalid(path, value, 'must be a relative path')] : []),
  ...backsteps(path, value),
];
