/** What is measured, in one place: what it is called and means, its figures over time, and by what models are compared. */

import type { FigureName, Figures, Spread, Tally } from "../api/types";
import type { Unit } from "../format";
import type { Meaning } from "../ui/define";

/** How a thing is called, explained and written. */
export interface Kind {
  title: string;
  meaning: Meaning;
  unit: Unit;
}

export const CALLS: Kind = { title: "Calls", meaning: "calls", unit: "count" };
export const RESPONSE: Kind = { title: "Response time", meaning: "response", unit: "ms" };
export const TTFT: Kind = { title: "First token", meaning: "ttft", unit: "ms" };
export const SPEED: Kind = { title: "Speed", meaning: "tps", unit: "tps" };
export const COST: Kind = { title: "Cost", meaning: "cost", unit: "usd" };

export interface Measure extends Kind {
  name: string;
  isMoreBetter?: boolean;
  value: (tally: Tally) => number | null;
  /** A second mark beside the value: the 95th percentile. */
  mark?: (tally: Tally) => number | null;
  /** The word for its median. */
  grade?: (tally: Tally) => string | undefined;
  /** What its line needs, and the line. */
  figures: FigureName[];
  line: (figures: Figures) => (number | null)[];
}

export function costPerCall(tally: Tally): number | null {
  const known = tally.calls - tally.cost_unknown_calls;
  return known > 0 ? Number(tally.cost_known_usd) / known : null;
}

/** A figure as numbers. */
export function numbers(figures: Figures, name: Exclude<FigureName, "response_time_classes">): (number | null)[] {
  return (figures[name] ?? []).map((value) => (value === null ? null : Number(value)));
}

/** A measure that is a spread of values: its median, and the line of its medians. */
function median(name: string, kind: Kind, figure: "response_time_p50_ms" | "ttft_p50_ms" | "output_tokens_per_second_p50", of: (tally: Tally) => Spread): Measure {
  return {
    ...kind,
    name,
    value: (tally) => of(tally).p50,
    grade: (tally) => of(tally).grade?.word,
    figures: [figure],
    line: (figures) => numbers(figures, figure),
  };
}

const perCall = (figures: Figures): (number | null)[] => {
  const calls = figures.calls ?? [];
  return numbers(figures, "cost_known_usd").map((cost, at) => (cost !== null && calls[at] ? cost / calls[at] : null));
};

export const MEASURES: [Measure, ...Measure[]] = [
  {
    ...median("latency", RESPONSE, "response_time_p50_ms", (tally) => tally.response_time_ms),
    mark: (tally) => tally.response_time_ms.p95,
  },
  { ...median("ttft", TTFT, "ttft_p50_ms", (tally) => tally.ttft_ms), mark: (tally) => tally.ttft_ms.p95 },
  { ...median("tps", SPEED, "output_tokens_per_second_p50", (tally) => tally.output_tokens_per_second), isMoreBetter: true },
  {
    name: "cost",
    title: "Cost per call",
    meaning: "costPerCall",
    unit: "usd",
    value: costPerCall,
    figures: ["cost_known_usd", "calls"],
    line: perCall,
  },
  {
    name: "errors",
    title: "Error rate",
    meaning: "errors",
    unit: "share",
    value: (tally) => tally.error_rate,
    figures: ["error_rate"],
    line: (figures) => numbers(figures, "error_rate"),
  },
];
