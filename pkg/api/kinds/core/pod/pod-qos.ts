import { addQuantities, compareQuantities } from '../../../meta/quantity.ts';
import type { PodSpec } from './spec.ts';
import type { PodStatus } from './status.ts';

const COUNTED = ['cpu', 'memory'];

type Amounts = Record<string, string>;

/** Adds what is above zero; tells which of the counted resources were named. */
function addUp(into: Amounts, amounts: Readonly<Amounts> | undefined): Set<string> {
  const named = new Set<string>();
  for (const name of COUNTED) {
    const amount = amounts?.[name];
    if (amount === undefined || compareQuantities(amount, '0') <= 0) continue;
    into[name] = into[name] === undefined ? amount : addQuantities(into[name], amount);
    named.add(name);
  }
  return named;
}

/** Quality of service: Guaranteed when every container has equal requests and limits, BestEffort when none has any. */
export function qosClass(spec: PodSpec): NonNullable<PodStatus['qosClass']> {
  const requests: Amounts = {};
  const limits: Amounts = {};
  let allLimited = true;
  for (const c of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) {
    addUp(requests, c.resources?.requests);
    if (addUp(limits, c.resources?.limits).size < COUNTED.length) allLimited = false;
  }
  if (Object.keys(requests).length === 0 && Object.keys(limits).length === 0) return 'BestEffort';
  const equal =
    Object.keys(requests).length === Object.keys(limits).length &&
    Object.entries(requests).every(
      ([name, r]) => limits[name] !== undefined && compareQuantities(r, limits[name]) === 0,
    );
  return allLimited && equal ? 'Guaranteed' : 'Burstable';
}
