/** How response times lie over time: a column a step, a row a class, darker where more calls are. */

import { type PointerEvent, type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import type { Series } from "../api/types";
import { clock, count, moment, ms } from "../format";
import { colour, useThemeTurn } from "../theme";
import { useMoment } from "./moment";
import { Readout } from "./readout";

const LEFT = 62;
const BOTTOM = 24;
const ROW = 13;

const HOW = <span className="dim">each column shows where the answers of its time lie; the fullest class of a column is strongest</span>;

/** A place on it; without a row when the moment is pointed at elsewhere. */
interface Cell {
  column: number;
  row: number | undefined;
}

export function Heatmap({ series, onZoom }: { series: Series; onZoom: (since: number, until: number) => void }): ReactNode {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(600);
  const [cell, setCell] = useState<Cell | null>(null);
  const [start, setStart] = useState<number | null>(null);
  const turn = useThemeTurn();
  const grid = useMemo(() => gridOf(series), [series]);
  const height = grid.rows.length * ROW + BOTTOM;
  const wide = (width - LEFT) / grid.columns;
  const tell = useMoment((time) => {
    const column = time === null ? -1 : grid.column(time);
    setCell(column >= 0 && column < grid.columns ? { column, row: undefined } : null);
  });

  useEffect(() => {
    const node = canvas.current?.parentElement;
    if (!node) return undefined;
    const watch = new ResizeObserver(() => setWidth(Math.max(240, node.clientWidth)));
    watch.observe(node);
    return () => watch.disconnect();
  }, []);

  useEffect(() => {
    if (canvas.current) draw(canvas.current, grid, width, height);
  }, [grid, width, height, turn]);

  const place = (event: PointerEvent): Cell | null => {
    const box = event.currentTarget.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left - LEFT) / wide);
    const row = grid.rows.length - 1 - Math.floor((event.clientY - box.top) / ROW);
    return column >= 0 && column < grid.columns && row >= 0 && row < grid.rows.length ? { column, row } : null;
  };
  const point = (to: Cell | null): void => {
    setCell(to);
    tell(to === null ? null : grid.time(to.column + 0.5));
  };
  const release = (event: PointerEvent): void => {
    const end = place(event)?.column;
    setStart(null);
    if (start === null || end === undefined || end === start) return;
    onZoom(grid.time(Math.min(start, end)), grid.time(Math.max(start, end) + 1));
  };
  const from = cell === null ? 0 : Math.min(cell.column, start ?? cell.column);
  const to = cell === null ? 0 : Math.max(cell.column, start ?? cell.column);

  return (
    <figure className="chart">
      <Readout room={HOW}>
        {cell === null ? (
          HOW
        ) : (
          <>
            <span>{stamp(grid, cell.column)}</span>
            <span>{told(grid, cell)}</span>
          </>
        )}
      </Readout>
      <div className="plot">
        <canvas
          ref={canvas}
          role="img"
          aria-label={`Response times over time. ${grid.spoken}`}
          onPointerMove={(event) => point(place(event))}
          onPointerLeave={() => {
            setStart(null);
            point(null);
          }}
          onPointerDown={(event) => setStart(place(event)?.column ?? null)}
          onPointerUp={release}
        />
        {cell !== null && start === null && (
          <span className="heat-moment" style={{ left: LEFT + (cell.column + 0.5) * wide, height: height - BOTTOM }} />
        )}
        {cell !== null && start !== null && (
          <span className="u-select" style={{ left: LEFT + from * wide, width: (to - from + 1) * wide, top: 0, height: height - BOTTOM }} />
        )}
      </div>
    </figure>
  );
}

const stamp = (grid: Grid, column: number): string =>
  grid.step >= 3600 ? moment(grid.time(column)) : clock(grid.time(column)).slice(0, 5);

/** What is known of a class, or, of a moment pointed at elsewhere, of its fullest class. */
function told(grid: Grid, { column, row }: Cell): string {
  const sum = grid.sum(column);
  if (row !== undefined) return `${grid.words(row)} · ${count(grid.at(column, row))} of ${count(sum)} answers`;
  if (sum === 0) return "no answers";
  const counts = grid.rows.map((_, at) => grid.at(column, at));
  const most = Math.max(...counts);
  return `most take ${grid.words(counts.indexOf(most))} · ${count(most)} of ${count(sum)} answers`;
}

interface Grid {
  columns: number;
  rows: number[];
  step: number;
  time: (column: number) => number;
  column: (time: number) => number;
  at: (column: number, row: number) => number;
  sum: (column: number) => number;
  words: (row: number) => string;
  label: (row: number) => string;
  spoken: string;
}

function gridOf(series: Series): Grid {
  const step = series.step_seconds;
  const begin = Date.parse(series.first_step) / 1000;
  const byColumn = series.figures.response_time_classes ?? [];
  const columns = Math.max(1, byColumn.length);
  const total = series.classes.response_time_ms;
  const first = Math.max(0, total.findIndex((calls) => calls > 0) - 1);
  const last = Math.max(first + 6, total.findLastIndex((calls) => calls > 0) + 1);
  const rows = Array.from({ length: Math.min(last, total.length - 1) - first + 1 }, (_, at) => first + at);
  const bounds = series.class_bounds;
  const bound = (at: number): string => ms(bounds[at] ?? Number.NaN);
  const words = (row: number): string => {
    const at = rows[row] ?? 0;
    return at >= bounds.length ? `over ${bound(bounds.length - 1)}` : `${at === 0 ? "0" : bound(at - 1)} to ${bound(at)}`;
  };
  const at = (column: number, row: number): number => byColumn[column]?.[rows[row] ?? 0] ?? 0;
  const top = total.indexOf(Math.max(...total));
  return {
    columns,
    rows,
    step,
    time: (column) => (begin + column * step) * 1000,
    column: (time) => Math.floor((time / 1000 - begin) / step),
    at,
    sum: (column) => (byColumn[column] ?? []).reduce((sum, calls) => sum + calls, 0),
    words,
    label: (row) => bound((rows[row] ?? 0) - 1),
    spoken: `Most answers take ${top <= 0 ? "up to" : `${bound(top - 1)} to`} ${bound(top)}.`,
  };
}

function draw(canvas: HTMLCanvasElement, grid: Grid, width: number, height: number): void {
  const ratio = window.devicePixelRatio;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const ctx = canvas.getContext("2d");
  if (ctx === null) return;
  ctx.scale(ratio, ratio);
  const wide = (width - LEFT) / grid.columns;
  const fill = colour("--heat");
  for (let column = 0; column < grid.columns; column += 1) {
    const most = Math.max(...grid.rows.map((_, row) => grid.at(column, row)));
    for (let row = 0; row < grid.rows.length; row += 1) {
      const calls = grid.at(column, row);
      if (calls === 0) continue;
      // A power below one lets single slow calls be seen beside the many.
      ctx.globalAlpha = 0.1 + 0.9 * (calls / most) ** 0.7;
      ctx.fillStyle = fill;
      ctx.fillRect(LEFT + column * wide, (grid.rows.length - 1 - row) * ROW, Math.max(1, wide - 0.5), ROW - 1);
    }
  }
  ctx.globalAlpha = 1;
  ctx.fillStyle = colour("--dim");
  ctx.font = `11px ${colour("--font")}`;
  ctx.textBaseline = "middle";
  ctx.textAlign = "right";
  for (let row = 1; row < grid.rows.length; row += 1) {
    if ((grid.rows[row] ?? 0) % 5 !== 1 && grid.rows.length > 8) continue;
    ctx.fillText(grid.label(row), LEFT - 8, (grid.rows.length - row) * ROW);
  }
  ctx.textAlign = "center";
  let free = LEFT;
  for (const [column, text] of timeLabels(grid, width)) {
    const at = LEFT + column * wide;
    const half = ctx.measureText(text).width / 2;
    if (at - half < free || at + half > width) continue;
    free = at + half + 14;
    ctx.fillText(text, at, height - BOTTOM / 2);
  }
}

/** Distances of times that are written, in minutes. */
const MINUTES = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720];

/** Columns and what is written below their beginnings: days of a long span, else round times. */
function timeLabels(grid: Grid, width: number): [number, string][] {
  const begins = Array.from({ length: grid.columns }, (_, column) => new Date(grid.time(column)));
  const span = (grid.columns * grid.step) / 60;
  if (span > 2 * 1440) {
    const isNew = (at: Date, column: number): boolean => column > 0 && at.getDate() !== begins[column - 1]?.getDate();
    return begins.flatMap((at, column) => (isNew(at, column) ? [[column, moment(at.getTime()).slice(0, -6)]] : []));
  }
  const every = MINUTES.find((minutes) => span / minutes <= Math.max(2, width / 90)) ?? 720;
  return begins.flatMap((at, column) => {
    const minute = at.getHours() * 60 + at.getMinutes();
    if (minute % every !== 0) return [];
    return [[column, minute === 0 ? moment(at.getTime()).slice(0, -6) : clock(at.getTime()).slice(0, 5)]];
  });
}
