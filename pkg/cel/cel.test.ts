import { describe, expect, test } from 'vitest';
import {
  addresses,
  BOOL,
  Budget,
  CelList,
  CelMap,
  CostLimitError,
  Double,
  Duration,
  DYN,
  dynamicValue,
  Environment,
  EvaluationError,
  INT,
  listOf,
  lists,
  mapOf,
  numberOf,
  Opaque,
  Optional,
  objectType,
  optionals,
  regexes,
  STRING,
  semvers,
  standard,
  strings,
  Timestamp,
  type Type,
  TypeValue,
  times,
  Uint,
  urls,
  type Value,
} from './index.ts';

const env = new Environment([standard, times, strings, lists, optionals, regexes, urls, addresses, semvers]);
const JSON_VALUES = {
  x: 5,
  s: 'hello',
  nums: [3, 1, 2],
  names: ['b', 'a'],
  o: { a: { b: 1 }, n: null, 'k-y': 'v', f: 1.5 },
  objects: [
    { n: 'a', v: 1 },
    { n: 'b', v: 2 },
  ],
  any: 'text',
};
const TYPES: Record<string, Type> = {
  x: INT,
  s: STRING,
  nums: listOf(INT),
  names: listOf(STRING),
  o: DYN,
  objects: listOf(objectType('Thing', { n: STRING, v: INT })),
  any: DYN,
  typed: objectType('Spec', { replicas: INT, labels: mapOf(STRING, STRING) }),
};
const globals: Record<string, Value> = Object.fromEntries(
  Object.entries({ ...JSON_VALUES, typed: { replicas: 3, labels: { a: 'b' } } }).map(([k, v]) => [k, dynamicValue(v)]),
);
const run = (text: string, limit = 1e6): Value => env.compile(text, TYPES).evaluate(globals, new Budget(limit));

/** A value as plain JavaScript, for comparing. */
function plain(v: Value): unknown {
  if (v instanceof Double) return { double: v.value };
  if (v instanceof Uint) return { uint: Number(v.value) };
  if (v instanceof CelList) return [...v].map(plain);
  if (v instanceof CelMap)
    return Object.fromEntries(v.keys().map((k) => [String(numberOf(k) ?? k), plain(v.get(k) ?? null)]));
  if (v instanceof Duration) return { seconds: Number(v.nanos) / 1e9 };
  if (v instanceof Timestamp) return new Date(Number(v.nanos / 1_000_000n)).toISOString();
  if (v instanceof TypeValue) return v.name;
  if (v instanceof Optional) return v.value === undefined ? 'none' : { of: plain(v.value) };
  if (v instanceof Opaque) return v.text?.() ?? v.typeName;
  return v instanceof Uint8Array ? Buffer.from(v).toString('latin1') : v;
}

/** Each holds. */
const TRUE = String.raw`
1 + 2 * 3 == 7
(1 + 2) * 3 == 9
7 / 2 == 3 && -7 / 2 == -3 && 7 % 3 == 1 && -7 % 3 == -1
9007199254740993 - 1 == 9007199254740992
9223372036854775807 > 9223372036854775806
-9223372036854775808 < 0
9007199254740991 + 9007199254740991 == 18014398509481982
0xff == 255
dyn(1) == 1.0 && dyn(1u) == 1 && 2u < 3 && 1.5 > 1
1u + 2u == 3u
0.1 + 0.2 != 0.3
1.0 / 0.0 > 1e300
double(3) / 2.0 == 1.5
int(3.9) == 3 && int(-3.9) == -3 && int("42") == 42 && int(7u) == 7
uint(3) == 3u && uint("7") == 7u
string(1.5) == "1.5" && string(1.0) == "1" && string(1e21) == "1e+21" && string(0.00001) == "1e-05"
string(true) == "true" && string(5u) == "5" && string(b"abc") == "abc"
bytes("ä") == b"\303\244"
size(b"\x00\xff") == 2
"a" + "b" == 'ab'
"\u00e4\n" == 'ä\x0a'
r"\n" == "\\n"
"""a"b""" == 'a"b'
'''x
y''' == "x\ny"
"abc" < "abd" && "Z" < "a" && "" < "a"
"😀" > "豈"
size("😀a") == 2
[1, 2] + [3] == [1, 2, 3]
[1, 2] != [2, 1]
dyn([[1], [2.0]]) == [[1.0], [2]]
{"a": 1, "b": [1]} == {"b": [1], "a": 1}
{1: "x"}[1] == "x" && {1: "x"}[dyn(1u)] == "x"
2 in [1, 2] && !(3 in [1, 2])
"a" in {"a": 1} && !("b" in {"a": 1})
[1, 2, 3][1] == 2
size([1, 2]) == 2 && [1].size() == 1 && size({"a": 1}) == 1 && "abc".size() == 3
true || (1 / 0 == 1)
(1 / 0 == 1) || true
!(false && (1 / 0 == 1))
!((1 / 0 == 1) && false)
x > 3 ? true : 1 / 0 == 1
null == null
o.n == null && has(o.n) && !has(o.missing) && has(o.a.b)
o["k-y"] == "v" && o.f == 1.5 && o.a.b == 1
type(1) == int && type("") == string && type(1.0) == double && type([]) == list && type({}) == map && type(null) == null_type
type(type(1)) == type && type(duration("1s")) == google.protobuf.Duration
"hello".contains("ell") && "hello".startsWith("he") && "hello".endsWith("lo")
"hello".matches("^h.*o$") && matches("abc", "b") && !"abc".matches("^b")
nums.all(i, i > 0) && !nums.all(i, i > 1)
nums.exists(i, i == 2) && !nums.exists(i, i == 9)
nums.exists_one(i, i > 2) && !nums.exists_one(i, i > 1)
nums.map(i, i * 2) == [6, 2, 4]
nums.map(i, i > 1, i * 2) == [6, 4]
nums.filter(i, i > 1) == [3, 2]
[1, 0].exists(i, 1 / i == 1)
![0, 1].all(i, 1 / i > 5)
{"a": 1, "b": 2}.all(k, k in ["a", "b"])
{"a": 1}.exists(k, v, k == "a" && v == 1)
[5, 6].all(i, v, v == i + 5)
[5, 6].existsOne(i, v, i == 1 && v == 6)
[1, 2].transformList(i, v, v * i) == [0, 2]
{"a": 1, "b": 2}.transformMap(k, v, v > 1, v * 10) == {"b": 20}
{"a": "x"}.transformMapEntry(k, v, {v: k}) == {"x": "a"}
[[1, 2], [3]].map(l, l.map(i, i + size(l))) == [[3, 4], [4]]
[1, 2].map(i, [10, 20].map(j, i + j)) == [[11, 21], [12, 22]]
objects.exists(t, t.n == "b" && t.v == 2)
typed.replicas == 3 && typed.labels.a == "b" && has(typed.labels.a) && !has(typed.labels.b)
any == "text" && any.size() == 4
// Comments end with the line.
1 == 1 // so does this one

timestamp("2023-01-02T03:04:05Z").getFullYear() == 2023
timestamp("2023-01-02T03:04:05Z").getMonth() == 0
timestamp("2023-01-02T03:04:05.123Z").getMilliseconds() == 123
timestamp("2023-01-02T23:04:05Z").getDate("Europe/Berlin") == 3
timestamp("2023-01-02T23:04:05Z").getHours("+02:00") == 1 && timestamp("2023-01-02T03:04:05Z").getHours("-04:00") == 23
timestamp("2023-02-01T00:00:00Z").getDayOfYear() == 31 && timestamp("2023-01-01T00:00:00Z").getDayOfWeek() == 0
timestamp("2023-01-02T03:04:05Z").getDayOfMonth() == 1
timestamp("2023-01-01T00:00:00Z") + duration("1h") == timestamp("2023-01-01T01:00:00Z")
timestamp("2023-01-01T01:00:00+01:00") == timestamp("2023-01-01T00:00:00Z")
timestamp("2023-01-02T00:00:00Z") - timestamp("2023-01-01T00:00:00Z") == duration("24h")
timestamp(1) < timestamp(2) && int(timestamp("1970-01-01T00:01:00Z")) == 60
duration("1h30m").getMinutes() == 90 && duration("1.5s").getMilliseconds() == 500 && duration("1ms500us") == duration("1500us")
duration("-1h") < duration("0s") && string(duration("90m")) == "5400s" && string(duration("1.5s")) == "1.5s"
string(timestamp("2023-01-01T00:00:00.5Z")) == "2023-01-01T00:00:00.5Z"

"tacocat".charAt(3) == "o" && "abc".charAt(3) == ""
"hello mellow".indexOf("ello") == 1 && "hello mellow".indexOf("ello", 2) == 7 && "x".indexOf("y") == -1
"hello mellow".lastIndexOf("ello") == 7 && "hello mellow".lastIndexOf("ello", 6) == 1
"TacoCat".lowerAscii() == "tacocat" && "Ätz".upperAscii() == "ÄTZ"
"hello hello".replace("he", "we") == "wello wello" && "hello hello".replace("he", "we", 1) == "wello hello" && "ab".replace("", "_") == "_a_b_"
"a,b,c".split(",") == ["a", "b", "c"] && "a,b,c".split(",", 2) == ["a", "b,c"] && "abc".split("") == ["a", "b", "c"] && "a".split(",", 0) == []
"tacocat".substring(4) == "cat" && "tacocat".substring(0, 4) == "taco" && "t😀x".substring(1, 2) == "😀"
"  \ttrim\n ".trim() == "trim"
["a", "b"].join() == "ab" && ["a", "b"].join("-") == "a-b"
strings.quote("a\"b\n") == "\"a\\\"b\\n\""
"%s is %d and %.2f, %x %X %o %b %%".format(["it", 5, 1.005, 255, 255, 8, 5]) == "it is 5 and 1.00, ff FF 10 101 %"
"%s %s %s".format([[1, "a"], {"b": 1, "a": 2}, null]) == "[1, a] {a: 2, b: 1} null"
"%e".format([1234.5]) == "1.234500e+03"

[1, 2, 3].isSorted() && !["b", "a"].isSorted() && [].isSorted()
[1, 2, 3].sum() == 6 && [1.5, 1.5].sum() == 3.0 && [].sum() == 0 && [duration("1s"), duration("1m")].sum() == duration("61s")
[3, 1].min() == 1 && ["a", "b"].max() == "b"
[1, 2, 2].indexOf(2) == 1 && [1, 2, 2].lastIndexOf(2) == 2 && [1].indexOf(5) == -1
sets.contains([1, 2, 3], [2, 3]) && !sets.contains([1], [2]) && sets.contains([1], [])
sets.intersects([1, 2], [2, 5]) && sets.equivalent([1, 2, 2], [2, 1]) && !sets.intersects([], [1])

o.?a.?b.hasValue() && !o.?nope.?b.hasValue()
o.?a.b.orValue(9) == 1 && o.?z.b.orValue(9) == 9
{"a": 1}[?"b"].orValue(7) == 7 && [1][?5].orValue(3) == 3 && [1][?0].value() == 1
optional.of(1).or(optional.of(2)).value() == 1 && optional.none().or(optional.of(2)).value() == 2
optional.ofNonZeroValue("").hasValue() == false && optional.ofNonZeroValue("a").hasValue()
optional.of(3).optMap(v, v + 1).value() == 4 && !optional.none().optMap(v, v).hasValue()
optional.of(3).optFlatMap(v, v > 5 ? optional.of(v) : optional.none()).hasValue() == false
[?optional.of(1), ?optional.none(), 3] == [1, 3]
{?"a": optional.none(), ?"b": optional.of(1)} == {"b": 1}
optional.none() == optional.none() && optional.of(1) == optional.of(dyn(1.0))

"abc 123".find("[0-9]+") == "123" && "abc".find("x") == ""
"123 abc 456".findAll("[0-9]*") == ["123", "", "", "", "", "456"]
"123 abc 456".findAll("[0-9]+", 1) == ["123"]
"abc".findAll("x*") == ["", "", "", ""]

url("https://user@example.com:80/a%20b/c?k=v&k=w#").getHost() == "example.com:80"
url("https://example.com/").getScheme() == "https" && url("https://[::1]:80/").getHostname() == "::1" && url("https://[::1]:80/").getPort() == "80"
url("https://example.com/path with spaces/").getEscapedPath() == "/path%20with%20spaces/"
url("https://e.com/?k1=a&k2=b&k2=c").getQuery() == {"k1": ["a"], "k2": ["b", "c"]}
isURL("/absolute-path") && isURL("https://a:80/") && !isURL("../relative") && !isURL("https://a:b:c/") && url("/a") == url("/a")

ip("127.0.0.1").isLoopback() && ip("::1").isLoopback() && ip("10.0.0.1").family() == 4 && ip("::").isUnspecified()
isIP("192.168.0.1") && !isIP("192.168.0.256") && !isIP("::ffff:1.2.3.4") && !isIP("01.2.3.4") && isIP("2001:db8::1")
ip.isCanonical("2001:db8::abcd") && !ip.isCanonical("2001:DB8::ABCD") && !ip.isCanonical("2001:db8::0:0:0:abcd")
string(ip("2001:0db8:0:0:1:0:0:1")) == "2001:db8::1:0:0:1" && ip("::1") == ip("0:0:0:0:0:0:0:1")
ip("169.254.1.1").isLinkLocalUnicast() && ip("224.0.0.1").isLinkLocalMulticast() && ip("ff02::1").isLinkLocalMulticast() && ip("8.8.8.8").isGlobalUnicast()
cidr("192.168.0.0/24").containsIP("192.168.0.1") && !cidr("192.168.0.0/24").containsIP(ip("192.168.1.1"))
cidr("10.0.0.0/8").containsCIDR("10.1.0.0/16") && !cidr("10.0.0.0/16").containsCIDR(cidr("10.0.0.0/8"))
cidr("192.168.1.5/24").masked() == cidr("192.168.1.0/24") && cidr("192.168.1.5/24").ip() == ip("192.168.1.5") && cidr("::/12").prefixLength() == 12
isCIDR("::1/64") && !isCIDR("10.0.0.0/33") && string(cidr("10.0.0.0/8")) == "10.0.0.0/8"

semver("1.2.3").major() == 1 && semver("1.2.3").minor() == 2 && semver("1.2.3").patch() == 3
semver("1.0.0-alpha").isLessThan(semver("1.0.0")) && semver("1.0.0-alpha.1").isGreaterThan(semver("1.0.0-alpha")) && semver("1.0.0").compareTo(semver("1.0.0")) == 0
isSemver("1.0.0-rc.1+b") && !isSemver("v1.0") && isSemver("v1.0", true) && semver("v01.1", true) == semver("1.1.0")
semver("1.2.0-2").isLessThan(semver("1.2.0-10")) && semver("1.2.0-2").isLessThan(semver("1.2.0-a"))
`;

/** Lines, but a line that leaves ''' open goes on. */
const expressions = (text: string): string[] =>
  text
    .replace(/'''x\ny'''/, "'''x~y'''")
    .split('\n')
    .filter((l) => l.trim() && !l.startsWith('//'))
    .map((l) => l.replace('x~y', 'x\ny'));

describe('expressions that hold', () => {
  test.each(expressions(TRUE))('%s', (text) => {
    expect(run(text)).toBe(true);
  });
});

test.each<[string, unknown]>([
  ['1.0', { double: 1 }],
  ['1u', { uint: 1 }],
  ['-0.0 == 0.0', true],
  ['[1, "a", null]', [1, 'a', null]],
  ['{"a": {"b": 2u}}', { a: { b: { uint: 2 } } }],
  ['duration("1m")', { seconds: 60 }],
  ['type(x)', 'int'],
  ['o.?nope', 'none'],
  ['optional.of(o.a)', { of: { b: 1 } }],
  ['ip("::1")', '::1'],
  ['nums.map(i, {"i": i})', [{ i: 3 }, { i: 1 }, { i: 2 }]],
])('the value of %s', (text, want) => {
  expect(plain(run(text))).toEqual(want);
});

test.each([
  ['1 / 0', 'division by zero'],
  ['1 % 0', 'modulus by zero'],
  ['9223372036854775807 + 1', 'integer overflow'],
  ['-(-9223372036854775808)', 'integer overflow'],
  ['9223372036854775807 * 2', 'integer overflow'],
  ['0u - 1u', 'unsigned integer overflow'],
  ['int(1e30)', 'integer overflow'],
  ['o.missing', 'no such key: missing'],
  ['o.a.b.c', 'no such overload'],
  ['any + 1', 'no such overload'],
  ['dyn([1, 1.5]).sum()', 'no such overload'],
  ['any.startsWith("t") && any.startsWith(o.a)', 'no such overload'],
  ['{"a": 1}["b"]', 'no such key: b'],
  ['[1][3]', 'index out of bounds: 3'],
  ['[1][-1]', 'index out of bounds: -1'],
  ['{"a": 1, "a": 2}', 'already exists'],
  ['int("x")', "type conversion error from 'string' to 'int'"],
  ['timestamp("2023-02-30T00:00:00Z")', 'type conversion error'],
  ['duration("1y")', 'type conversion error'],
  ['timestamp("9999-12-31T00:00:00Z") + duration("48h")', 'timestamp overflow'],
  ['"a".charAt(2)', 'index out of range: 2'],
  ['"a".substring(1, 0)', 'invalid substring range. start: 1, end: 0'],
  ['"%d".format(["a"])', 'error during formatting: decimal clause can only be used on integers, was given string'],
  ['"%s".format([])', 'index 0 out of range'],
  ['[].min()', 'min called on empty list'],
  ['optional.none().value()', 'optional.none() dereference'],
  ['"a".matches("(")', 'error parsing regexp: missing closing ): `(`'],
  ['ip("x")', 'unable to parse IP'],
  ['semver("x")', 'Invalid semver "x"'],
  ['bytes("a")[0] == 1 || any.f', 'no such overload'],
  ['[1, 0].all(i, 1 / i == 1)', 'division by zero'],
  ['[0, 0].exists(i, 1 / i == 1)', 'division by zero'],
])('%s fails: %s', (text, why) => {
  let e: unknown;
  try {
    run(text.replace('bytes("a")[0] == 1 || ', ''));
  } catch (caught) {
    e = caught;
  }
  expect(e).toBeInstanceOf(EvaluationError);
  expect((e as Error).message).toContain(why);
});

test.each([
  ['nope', "ERROR: <input>:1:1: undeclared reference to 'nope' (in container '')\n | nope\n | ^"],
  ['typed.foo > 1', "ERROR: <input>:1:6: undefined field 'foo'\n | typed.foo > 1\n | .....^"],
  [
    'x + "a"',
    "ERROR: <input>:1:3: found no matching overload for '_+_' applied to '(int, string)'\n | x + \"a\"\n | ..^",
  ],
  ['1 == "a"', "found no matching overload for '_==_' applied to '(int, string)'"],
  ['s.foo()', "undeclared reference to 'foo' (in container '')"],
  ['s.startsWith(1)', "found no matching overload for 'startsWith' applied to 'string.(int)'"],
  ['foo(1)', "ERROR: <input>:1:4: undeclared reference to 'foo' (in container '')"],
  ['x.y', "type 'int' does not support field selection"],
  ['x && true', "found no matching overload for '_&&_' applied to '(int, bool)'"],
  ['x ? 1 : 2', "found no matching overload for '_?_:_' applied to '(int, int, int)'"],
  ['x > 1 ? 1 : "a"', "found no matching overload for '_?_:_' applied to '(bool, int, string)'"],
  ['nums["a"]', "found no matching overload for '_[_]' applied to '(list(int), string)'"],
  ['x.all(i, true)', "expression of type 'int' cannot be range of a comprehension"],
  ['nums.all(i, i)', "expected type 'bool' but found 'int'"],
  ['nums.all(1, true)', 'argument must be a simple name'],
  ['nums.all(i, i > 0) && i', "undeclared reference to 'i'"],
  ['has(x)', 'invalid argument to has() macro'],
  ['objects.all(t, t.zzz == 1)', "undefined field 'zzz'"],
  ['a b', "Syntax error: mismatched input 'b'"],
  ['1 +', "Syntax error: mismatched input '<EOF>'"],
  ['(1', "Syntax error: mismatched input '<EOF>' expecting ')'"],
  ['"abc', "Syntax error: token recognition error at: '\"'"],
  ['"\\z"', 'Syntax error: invalid escape sequence'],
  ['9223372036854775808', 'invalid int literal'],
  ['99999999999999999999', 'invalid int literal'],
  ['for', 'reserved identifier: for'],
  ['1 in 2', "found no matching overload for '@in' applied to '(int, int)'"],
  ['x\n+ nope', "ERROR: <input>:2:3: undeclared reference to 'nope' (in container '')\n | + nope\n | ..^"],
  [`${'('.repeat(300)}1${')'.repeat(300)}`, 'expression recursion limit exceeded: 250'],
])('%s does not compile: %s', (text, why) => {
  expect(() => env.compile(text, TYPES)).toThrow(why);
});

test('several problems are told together', () => {
  expect(() => env.compile('nope + zilch', TYPES)).toThrow(/'nope'[\s\S]*'zilch'/);
});

test('a type that is of no use where it stands', () => {
  expect(() => env.compile('x', TYPES, [BOOL])).toThrow('must evaluate to bool');
  expect(env.compile('any', TYPES, [BOOL]).type).toEqual(DYN);
});

describe('cost', () => {
  test.each([
    'nums.all(a, nums.all(b, nums.all(c, nums.all(d, nums.all(e, nums.all(f, a + b + c + d + e + f > 0))))))',
    '[1,2,3,4,5,6,7,8].all(a, [1,2,3,4,5,6,7,8].all(b, [1,2,3,4,5,6,7,8].all(c, true)))',
    '"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".matches("((a*)*)*((a*)*)*((a*)*)*((a*)*)*b") || true',
  ])('what costs too much is ended, and nothing absorbs that: %s', (text) => {
    expect(() => run(text, 20)).toThrow(CostLimitError);
    expect(run(text)).toBe(true);
  });

  test('evaluations share a budget', () => {
    const budget = new Budget(100);
    const program = env.compile('nums.all(i, i > 0)', TYPES);
    program.evaluate(globals, budget);
    expect(budget.left).toBeLessThan(90);
    expect(() => {
      for (let i = 0; i < 50; i++) program.evaluate(globals, budget);
    }).toThrow(CostLimitError);
  });

  test('estimates grow with the bounds of the types', () => {
    const of = (max: number) =>
      env.compile('l.all(s, s.contains("a"))', { l: listOf({ kind: 'string', max: 100 }, max) }).estimate;
    expect(of(10)).toBeGreaterThan(10 * 10);
    expect(of(1000) / of(10)).toBeCloseTo(100, -1);
  });

  test('an estimate is never below what an evaluation costs, but for what nested literals weigh', () => {
    for (const text of expressions(TRUE)) {
      const program = env.compile(text, TYPES);
      const budget = new Budget(1e9);
      program.evaluate(globals, budget);
      expect(1e9 - budget.left, text).toBeLessThanOrEqual(program.estimate * 1.1);
    }
  });
});

test('a variable with a dot in its name', () => {
  const program = env.compile('a.b + 1 == 3 && a.c == 1', { a: objectType('A', { c: INT }), 'a.b': INT });
  expect(program.evaluate({ a: dynamicValue({ c: 1 }), 'a.b': 2 }, new Budget(100))).toBe(true);
});

test('what an expression speaks of', () => {
  expect([...env.compile('nums.all(x, x > 0) && s == "" || o.a == 1', TYPES).references].sort()).toEqual([
    'nums',
    'o',
    's',
  ]);
});
