/** The Common Expression Language with the libraries Kubernetes gives it. Pure: text and values in, values out. */
export { Environment, type Program, WrongTypeError } from './environment.ts';
export { CompileError, CostLimitError, EvaluationError } from './errors.ts';
export { Budget } from './frame.ts';
export { type Cost, fn, type Library, type Overload, traversal } from './functions.ts';
export { addresses } from './library/addresses.ts';
export { lists } from './library/lists.ts';
export { optionals } from './library/optionals.ts';
export { regexes } from './library/regexes.ts';
export { semvers } from './library/semvers.ts';
export { standard } from './library/standard.ts';
export { strings } from './library/strings.ts';
export { parseDuration, parseTimestamp, times } from './library/times.ts';
export { urls } from './library/urls.ts';
export { int } from './numbers.ts';
export * from './types.ts';
export * from './values.ts';
