/** What several pages make of the API's answers. */

import type { Series } from "../api/types";
import type { TimeData } from "../charts/time-chart";

/** All steps of the span, those without calls too: a gap must look like one. */
export function timeData(series: Series): TimeData {
  const wide = series.step_seconds * 1000;
  const begin = Date.parse(series.first_step);
  const until = Date.parse(series.until);
  const length = Math.max(1, Math.ceil((until - begin) / wide));
  return {
    times: Array.from({ length }, (_, at) => begin + at * wide),
    stepSeconds: series.step_seconds,
    since: begin,
    // The last step may end after now; its middle must still be within the axis.
    until: begin + length * wide,
  };
}
