/** What several pages make of the API's answers. */

import type { Series, Step } from "../api/types";
import type { TimeData } from "../charts/time-chart";

export interface Steps extends TimeData {
  steps: Step[];
}

const EMPTY: Omit<Step, "start"> = {
  calls: 0,
  errors: 0,
  refused: 0,
  canceled: 0,
  fallbacks: 0,
  error_rate: null,
  response_time_p50_ms: null,
  response_time_p95_ms: null,
  response_time_p99_ms: null,
  ttft_p50_ms: null,
  ttft_p95_ms: null,
  output_tokens_per_second_p50: null,
  input_tokens: 0,
  output_tokens: 0,
  cost_known_usd: "0",
};

/** All steps of the span, those without calls too: a gap must look like one. */
export function timeData(series: Series, own: Step[] = series.steps): Steps {
  const wide = series.step_seconds * 1000;
  const since = Date.parse(series.since);
  const until = Date.parse(series.until);
  const known = new Map(own.map((step) => [Date.parse(step.start), step]));
  const begin = Math.floor(since / wide) * wide;
  const length = Math.max(1, Math.ceil((until - begin) / wide));
  const times = Array.from({ length }, (_, at) => begin + at * wide);
  return {
    times,
    stepSeconds: series.step_seconds,
    since: Math.min(since, begin),
    // The last step may end after now; its middle must still be within the axis.
    until: Math.max(until, begin + length * wide),
    steps: times.map((time) => known.get(time) ?? { ...EMPTY, start: new Date(time).toISOString() }),
  };
}
