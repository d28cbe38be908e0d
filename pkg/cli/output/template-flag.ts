/** Formats whose template, or its file, may be given by --template. */
const TEMPLATES = new Set([
  ...['go-template', 'go-template-file', 'template', 'templatefile'],
  ...['jsonpath', 'jsonpath-as-json', 'jsonpath-file'],
]);

/** `-o go-template --template=TEXT` is `-o go-template=TEXT`, and go-template may be left out. */
export function withTemplate<T extends object>(options: T): T {
  const { output, template } = options as { readonly output?: string; readonly template?: string };
  if (template === undefined) return options;
  const format = output || 'go-template';
  return TEMPLATES.has(format) ? { ...options, output: `${format}=${template}` } : options;
}
