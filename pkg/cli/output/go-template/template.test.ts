import { describe, expect, test } from 'vitest';
import { executeTemplate } from './template.ts';

const value = { name: 'web', n: 3, none: null, labels: { b: '2', a: '1' }, items: [{ x: 1 }, { x: 2 }], empty: [] };

describe('what a template prints', () => {
  test.each([
    ['plain', 'plain'],
    ['{{.name}} {{ .n }}', 'web 3'],
    ['{{.missing}}', '<no value>'],
    ['{{.labels}}', 'map[a:1 b:2]'],
    ['{{range .items}}{{.x}},{{end}}', '1,2,'],
    ['{{range $i, $v := .items}}{{$i}}={{$v.x}} {{end}}', '0=1 1=2 '],
    ['{{range $k, $v := .labels}}{{$k}}{{$v}}{{end}}', 'a1b2'],
    ['{{range .empty}}x{{else}}none{{end}}', 'none'],
    ['{{range .items}}{{if eq .x 1}}{{continue}}{{end}}{{.x}}{{break}}{{end}}', '2'],
    ['{{if .none}}a{{else if eq .name "web"}}b{{else}}c{{end}}', 'b'],
    ['{{with .labels}}{{.a}}{{$.name}}{{end}}', '1web'],
    ['{{$x := .n}}{{if true}}{{$x = 4}}{{end}}{{$x}}', '4'],
    ['a {{- .name -}} b', 'awebb'],
    ['{{/* a note */}}x', 'x'],
    ['{{printf "%s-%03d|%-5s|%q" .name .n "ab" "c"}}', 'web-003|ab   |"c"'],
    ['{{.name | printf "%s-%d"}}', 'web-%!d(MISSING)'],
    ['{{printf "%.2s|%x|%.1f" .name "hi" 1.5}}', 'we|6869|1.5'],
    [`{{js "<a='1'>"}} {{urlquery "a b/c*"}}`, "\\u003Ca\\u003D\\'1\\'\\u003E a+b%2Fc%2A"],
    ['{{index .labels "b"}}{{index .items 1}}', '2map[x:2]'],
    ['{{(index .items 0).x}}', '1'],
    ['{{len .items}}{{len .name}}', '23'],
    ['{{and .n .name}}{{or .none "d"}}{{not .n}}', 'webdfalse'],
    ['{{if and (gt .n 2) (lt .n 4)}}in{{end}}', 'in'],
    ['{{exists . "labels" "a"}}{{exists . "labels" "z"}}', 'truefalse'],
    ['{{"YW5u" | base64decode}}', 'ann'],
    ['{{define "t"}}<{{.}}>{{end}}{{template "t" .name}}', '<web>'],
    ['{{"}}"}}', '}}'],
  ])('%s', (template, text) => expect(executeTemplate(template, value)).toBe(text));
});

test.each([
  ['{{.name', 'unclosed action'],
  ['{{if .n}}x', 'not closed'],
  ['{{end}}', 'unexpected {{end}}'],
  ['{{nonsense .n}}', 'function "nonsense" not defined'],
  ['{{$x}}', 'undefined variable'],
  ['{{.name.first}}', "can't evaluate field first"],
  ['{{define "t"}}{{template "t"}}{{end}}{{template "t"}}', 'too often'],
  ['{{.name ~}}', 'unexpected "~"'],
])('%s is refused', (template, words) => expect(() => executeTemplate(template, value)).toThrow(words));
