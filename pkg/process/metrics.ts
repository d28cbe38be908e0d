import { readdirSync } from 'node:fs';
import { Gauge, Registry } from 'prom-client';

/**
 * A registry that shows what every process has: CPU, memory and open files under their Prometheus names. Everything is read
 * when it is asked for: prom-client's own set keeps timers running, which an idle process pays for.
 */
export function processRegistry(): Registry {
  const registry = new Registry();
  const gauge = (name: string, help: string, value: () => number): void => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value());
      },
    });
  };
  const started = Date.now() / 1000 - process.uptime();
  gauge('process_cpu_seconds_total', 'User and system CPU time, seconds.', cpuSeconds);
  gauge('process_start_time_seconds', 'Start of the process, seconds since 1970.', () => started);
  gauge('process_resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss());
  gauge('process_open_fds', 'Open file descriptors.', openFiles);
  gauge('nodejs_heap_size_total_bytes', "Size of V8's heap.", () => process.memoryUsage().heapTotal);
  gauge('nodejs_heap_size_used_bytes', "Used part of V8's heap.", () => process.memoryUsage().heapUsed);
  gauge('nodejs_external_memory_bytes', 'Memory of buffers and other objects outside the heap.', () => {
    return process.memoryUsage().external;
  });
  return registry;
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** -1 where /proc is not there to say. */
function openFiles(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return -1;
  }
}
