/** How values are spread: calls by class, with the percentiles marked. */

import type { ReactNode } from "react";
import { count, percent, type Unit, written } from "../format";

interface Props {
  title: string;
  counts: number[];
  bounds: number[];
  unit: Unit;
  marks: [string, number | null][];
}

/** What a row of marks takes, in pixels. */
const MARK = 12;

export function Distribution({ title, counts, bounds, unit, marks }: Props): ReactNode {
  const total = counts.reduce((sum, one) => sum + one, 0);
  const first = Math.max(0, counts.findIndex((one) => one > 0) - 1);
  const last = Math.min(counts.length - 1, counts.findLastIndex((one) => one > 0) + 1);
  const shown = counts.slice(first, last + 1);
  const most = Math.max(...shown, 1);
  const bound = (at: number): string => written(bounds[at] ?? null, unit);
  const words = (at: number): string =>
    at >= bounds.length ? `over ${bound(bounds.length - 1)}` : `${at === 0 ? "0" : bound(at - 1)} to ${bound(at)}`;
  if (total === 0) return <p className="dim pad">No values in this range.</p>;
  // Classes grow by a constant factor, so a value's place is that of its logarithm.
  const low = Math.log(bounds[Math.max(0, first - 1)] ?? 1);
  const factor = Math.log((bounds[1] ?? 1.6) / (bounds[0] ?? 1));
  const spot = (value: number): number => ((Math.log(value) - low) / factor + (first === 0 ? 1 : 0)) / shown.length;
  const middle = Math.floor(shown.length / 2);
  return (
    <figure className="chart">
      <div className="spread-marks" aria-hidden="true">
        {marks.map(([name, value], at) =>
          value === null ? null : (
            // Each in a row of its own: close ones stay readable.
            <span key={name} className="spread-mark" style={{ left: `${Math.min(94, Math.max(0, spot(value) * 100))}%`, top: at * MARK }}>
              {name}
            </span>
          ),
        )}
      </div>
      <ul className="spread" aria-label={`${title}, ${count(total)} values`}>
        {shown.map((one, at) => (
          <li key={at} title={`${words(first + at)}: ${count(one)} (${percent(one / total)})`}>
            <span className="spread-bar" style={{ height: `${(one / most) * 100}%` }} />
            <span className="unseen">
              {words(first + at)}: {count(one)}
            </span>
          </li>
        ))}
      </ul>
      <div className="spread-axis" aria-hidden="true">
        <span>{first === 0 ? "0" : bound(first - 1)}</span>
        <span>{bound(first + middle - 1)}</span>
        <span>{last >= bounds.length ? `> ${bound(bounds.length - 1)}` : bound(last)}</span>
      </div>
      <p className="spread-words">
        {marks.map(([name, value]) => (
          <span key={name}>
            <span className="dim">{name}</span> {written(value, unit)}
          </span>
        ))}
      </p>
    </figure>
  );
}
