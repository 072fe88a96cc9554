/** Reads Prometheus' text: names with their labels, and values. */

export function readMetrics(text: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const at = line.lastIndexOf(" ");
    found.set(line.slice(0, at), Number(line.slice(at + 1)));
  }
  return found;
}

/** All series of a name together; `null` where there is none. */
export function sum(metrics: Map<string, number>, name: string): number | null {
  let total: number | null = null;
  for (const [series, value] of metrics) {
    if (series === name || series.startsWith(`${name}{`)) total = (total ?? 0) + value;
  }
  return total;
}
