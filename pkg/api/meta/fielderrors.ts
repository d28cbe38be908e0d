/** One problem with one field, in the words Kubernetes uses (apimachinery field errors). */
export type FieldErrorType =
  | 'FieldValueNotFound'
  | 'FieldValueRequired'
  | 'FieldValueDuplicate'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'FieldValueTypeInvalid'
  | 'InternalError';

export interface FieldError {
  readonly type: FieldErrorType;
  /** JSON path such as `spec.containers[0].name` or `metadata.labels[app]`. */
  readonly field: string;
  /** The text after "field: ", e.g. `Required value: must name a port`. */
  readonly message: string;
}

/** Nothing is shown as the word. */
const show = (value: unknown): string => JSON.stringify(value ?? 'null');
const withDetail = (head: string, detail?: string): string => (detail ? `${head}: ${detail}` : head);

export const required = (field: string, detail?: string): FieldError => ({
  type: 'FieldValueRequired',
  field,
  message: withDetail('Required value', detail),
});
export const invalid = (field: string, value: unknown, detail: string): FieldError => ({
  type: 'FieldValueInvalid',
  field,
  message: `Invalid value: ${show(value)}: ${detail}`,
});
export const duplicate = (field: string, value: unknown): FieldError => ({
  type: 'FieldValueDuplicate',
  field,
  message: `Duplicate value: ${show(value)}`,
});
export const notFound = (field: string, value: unknown): FieldError => ({
  type: 'FieldValueNotFound',
  field,
  message: `Not found: ${show(value)}`,
});
export const forbidden = (field: string, detail: string): FieldError => ({
  type: 'FieldValueForbidden',
  field,
  message: `Forbidden: ${detail}`,
});
/** `supported` is listed in sorted order, quoted, as kubectl shows it. */
export const notSupported = (field: string, value: unknown, supported: readonly string[]): FieldError =>
  notListed(field, value, [...supported].sort());
/** The same, with the values in the order in which somebody listed them. */
export const notListed = (field: string, value: unknown, supported: readonly string[]): FieldError => ({
  type: 'FieldValueNotSupported',
  field,
  message: withDetail(
    `Unsupported value: ${show(value)}`,
    supported.length > 0 ? `supported values: ${supported.map(show).join(', ')}` : undefined,
  ),
});
export const tooLong = (field: string, max: number): FieldError => ({
  type: 'FieldValueTooLong',
  field,
  message: `Too long: may not be more than ${max} bytes`,
});
export const tooMany = (field: string, actual: number, max: number): FieldError => ({
  type: 'FieldValueTooMany',
  field,
  message: `Too many: ${actual}: must have at most ${max} items`,
});
export const typeInvalid = (field: string, value: unknown, detail: string): FieldError => ({
  type: 'FieldValueTypeInvalid',
  field,
  message: `Invalid value: ${show(value)}: ${detail}`,
});

/** "field: message", the form used in Status messages. */
export const fieldErrorText = (e: FieldError): string => `${e.field}: ${e.message}`;
