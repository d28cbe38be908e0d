import { expect, test } from 'vitest';
import {
  addressesFlag,
  boolFlag,
  cidrFlag,
  cidrsFlag,
  durationFlag,
  durationText,
  gatesFlag,
  hostPortFlag,
  intFlag,
  intRangeFlag,
  keyValuesFlag,
  logLevelFlag,
  portFlag,
} from './flags.ts';

test.each<[(text: string) => unknown, string, unknown]>([
  [durationFlag, '15s', 15_000],
  [durationFlag, '1m30s', 90_000],
  [durationFlag, '250ms', 250],
  [durationFlag, '1.5h', 5_400_000],
  [durationFlag, '0', 0],
  [portFlag, '0', 0],
  [portFlag, '65535', 65_535],
  [intFlag, '42', 42],
  [intRangeFlag(-999, 1000), '-999', -999],
  [boolFlag, 'false', false],
  [hostPortFlag, '127.0.0.1:10259', { host: '127.0.0.1', port: 10_259 }],
  [hostPortFlag, ':80', { host: '', port: 80 }],
  [hostPortFlag, '[::1]:80', { host: '::1', port: 80 }],
  [hostPortFlag, 'localhost:1', { host: 'localhost', port: 1 }],
  [cidrFlag, '10.96.0.0/16', '10.96.0.0/16'],
  [cidrFlag, '0.0.0.0/0', '0.0.0.0/0'],
  [cidrFlag, '192.168.1.1/32', '192.168.1.1/32'],
  [cidrFlag, 'fd00::/8', 'fd00::/8'],
  [cidrsFlag, '10.96.0.0/16', ['10.96.0.0/16']],
  [cidrsFlag, 'fd00::/8, 10.96.0.0/16', ['fd00::/8', '10.96.0.0/16']],
  [addressesFlag, '10.0.0.1,fd00::1', ['10.0.0.1', 'fd00::1']],
  [keyValuesFlag, 'a=1,b=x=y,c=', { a: '1', b: 'x=y', c: '' }],
  [keyValuesFlag, '', {}],
  [gatesFlag, 'A=true,B=false', new Map(Object.entries({ A: true, B: false }))],
  [logLevelFlag, 'debug', 'debug'],
])('%o reads %j', (parse, text, want) => {
  expect(parse(text)).toEqual(want);
});

test.each<[(text: string) => unknown, string]>([
  [durationFlag, '15'],
  [durationFlag, ''],
  [durationFlag, '15s!'],
  [durationFlag, '-1s'],
  [portFlag, '65536'],
  [portFlag, '-1'],
  [portFlag, '1e3'],
  [intFlag, '1.5'],
  [intRangeFlag(1, 10), '11'],
  [intRangeFlag(1, 10), 'x'],
  [boolFlag, 'yes'],
  [hostPortFlag, '127.0.0.1'],
  [hostPortFlag, '127.0.0.1:99999'],
  [hostPortFlag, '::1:80'],
  [hostPortFlag, 'http://x:80'],
  [cidrFlag, '10.96.0.0'],
  [cidrFlag, '10.96.0.1/16'],
  [cidrFlag, '10.96.0.0/33'],
  [cidrFlag, '10.96.0.0/'],
  [cidrFlag, 'x/8'],
  [cidrsFlag, ''],
  [cidrsFlag, '10.0.0.0/8,10.96.0.0/16'],
  [cidrsFlag, 'fd00::/8,10.0.0.0/8,fd01::/16'],
  [addressesFlag, '10.0.0.1,10.0.0.2'],
  [addressesFlag, '10.0.0.1,x'],
  [keyValuesFlag, 'a'],
  [keyValuesFlag, '=1'],
  [gatesFlag, 'A=yes'],
  [logLevelFlag, 'loud'],
])('%o refuses %j', (parse, text) => {
  expect(() => parse(text)).toThrow(/^It must be /);
});

test.each(['0', '250ms', '15s', '1m30s', '5m', '26h', '1h1ms'])('%s is written as it is read', (text) => {
  expect(durationText(durationFlag(text))).toBe(text);
});
