import { type FieldError, invalid } from '../../../meta/fielderrors.ts';

/** A path inside a folder, such as a volume, may not lead out of it. */
export function validateLocalPath(path: string, value: string): FieldError[] {
  const found: FieldError[] = [];
  if (value.startsWith('/')) found.push(invalid(path, value, 'must be a relative path'));
  if (value.split('/').includes('..')) found.push(invalid(path, value, "must not contain '..'"));
  return found;
}
