/** Values beside each other, from zero, each with its name and figure. */

import type { ReactNode } from "react";
import { NONE, type Unit, written } from "../format";

export interface Bar {
  name: string;
  value: number | null;
  /** A second mark on the same axis, such as the 95th percentile. */
  mark?: number | null;
  note?: string;
  /** A colour of the style sheet by its class, where it is the same elsewhere on the page. */
  colour?: string;
}

export function Bars({ label, bars, unit, markWords }: { label: string; bars: Bar[]; unit: Unit; markWords?: string }): ReactNode {
  const most = Math.max(...bars.map((bar) => Math.max(bar.value ?? 0, bar.mark ?? 0)), 0) || 1;
  return (
    <ul className={markWords === undefined ? "bars bars-plain" : "bars"} aria-label={label}>
      {bars.map((bar) => (
        <li key={bar.name}>
          <span className="bar-name" title={bar.name}>
            {bar.name}
          </span>
          <span className="bar-track" aria-hidden="true">
            <span className={`bar-fill ${bar.colour ?? ""}`} style={{ width: `${((bar.value ?? 0) / most) * 100}%` }} />
            {bar.mark != null && <span className="bar-mark" style={{ left: `${(bar.mark / most) * 100}%` }} />}
          </span>
          <span className="bar-value">
            {bar.value === null ? NONE : written(bar.value, unit)}
            {bar.mark != null && (
              <span className="dim">
                {" "}
                {markWords} {written(bar.mark, unit)}
              </span>
            )}
          </span>
          <span className="bar-note">{bar.note}</span>
        </li>
      ))}
    </ul>
  );
}
