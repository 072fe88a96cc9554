/** By what models are compared. */

import type { Step, Tally } from "../api/types";
import type { Unit } from "../format";
import type { Meaning } from "../ui/define";

export interface Measure {
  name: string;
  words: string;
  title: string;
  meaning: Meaning;
  unit: Unit;
  isMoreBetter?: boolean;
  value: (tally: Tally) => number | null;
  mark?: (tally: Tally) => number | null;
  markWords?: string;
  /** The word for its median. */
  grade?: (tally: Tally) => string | undefined;
  step: (step: Step) => number | null;
}

export function costPerCall(tally: Tally): number | null {
  const known = tally.calls - tally.cost_unknown_calls;
  return known > 0 ? Number(tally.cost_known_usd) / known : null;
}

export const MEASURES: [Measure, ...Measure[]] = [
  {
    name: "latency",
    words: "Response time",
    title: "Response time",
    meaning: "response",
    unit: "ms",
    value: (tally) => tally.response_time_ms.p50,
    mark: (tally) => tally.response_time_ms.p95,
    markWords: "p95",
    grade: (tally) => tally.response_time_ms.grade?.word,
    step: (step) => step.response_time_p50_ms,
  },
  {
    name: "ttft",
    words: "First token",
    title: "First token",
    meaning: "ttft",
    unit: "ms",
    value: (tally) => tally.ttft_ms.p50,
    mark: (tally) => tally.ttft_ms.p95,
    markWords: "p95",
    grade: (tally) => tally.ttft_ms.grade?.word,
    step: (step) => step.ttft_p50_ms,
  },
  {
    name: "tps",
    words: "Speed",
    title: "Speed",
    meaning: "tps",
    unit: "tps",
    isMoreBetter: true,
    value: (tally) => tally.output_tokens_per_second.p50,
    grade: (tally) => tally.output_tokens_per_second.grade?.word,
    step: (step) => step.output_tokens_per_second_p50,
  },
  {
    name: "cost",
    words: "Cost per call",
    title: "Cost per call",
    meaning: "costPerCall",
    unit: "usd",
    value: costPerCall,
    step: (step) => (step.calls > 0 ? Number(step.cost_known_usd) / step.calls : null),
  },
  {
    name: "errors",
    words: "Error rate",
    title: "Error rate",
    meaning: "errors",
    unit: "share",
    value: (tally) => tally.error_rate,
    step: (step) => step.error_rate,
  },
];
