/** One value of a metric. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** Epoch milliseconds. */
  readonly at: number;
}

export interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
}

const escaped = (v: string): string => v.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`));

/** A metric and its samples in Prometheus' text format. */
export function family({ name, type, help }: Family, samples: readonly Sample[]): string {
  const lines = samples.map(({ labels, value, at }) => {
    const text = Object.entries(labels).map(([k, v]) => `${k}="${escaped(v)}"`);
    return `${name}${text.length > 0 ? `{${text.join(',')}}` : ''} ${value} ${at}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}
