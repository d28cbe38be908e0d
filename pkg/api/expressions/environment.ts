import {
  addresses,
  Environment,
  type Library,
  lists,
  optionals,
  regexes,
  semvers,
  standard,
  strings,
  times,
  urls,
} from '#cel/index.ts';
import { namedFormats } from './named-formats.ts';
import { quantities } from './quantity.ts';

/** The libraries of "Common Expression Language in Kubernetes". */
const LIBRARIES: readonly Library[] = [
  standard,
  times,
  strings,
  lists,
  optionals,
  regexes,
  urls,
  addresses,
  semvers,
  quantities,
  namedFormats,
];

/** What expressions know in Kubernetes v1.33, and what is known besides where they stand. */
export const kubernetesWith = (more: readonly Library[]): Environment => new Environment([...LIBRARIES, ...more]);

/** The same without anything besides: rules of CustomResourceDefinitions. */
export const kubernetes = kubernetesWith([]);

/** What one evaluation may cost, and all that one request causes: the figures of kube-apiserver. */
export const CALL_LIMIT = 1_000_000;
export const REQUEST_LIMIT = 10_000_000;
/** All match conditions of one webhook or policy. */
export const CONDITIONS_LIMIT = REQUEST_LIMIT / 4;
