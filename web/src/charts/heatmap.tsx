/** How response times lie over time: a column a step, a row a class, darker where more calls are. */

import { type PointerEvent, type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import type { Series } from "../api/types";
import { clock, count, moment, ms } from "../format";
import { colour, useThemeTurn } from "../theme";

const LEFT = 62;
const BOTTOM = 24;
const ROW = 13;

interface Cell {
  column: number;
  row: number;
}

export function Heatmap({ series, onZoom }: { series: Series; onZoom: (since: number, until: number) => void }): ReactNode {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(600);
  const [cell, setCell] = useState<Cell | null>(null);
  const start = useRef<number | null>(null);
  const turn = useThemeTurn();
  const grid = useMemo(() => gridOf(series), [series]);
  const height = grid.rows.length * ROW + BOTTOM;

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
    const column = Math.floor(((event.clientX - box.left - LEFT) / (width - LEFT)) * grid.columns);
    const row = grid.rows.length - 1 - Math.floor((event.clientY - box.top) / ROW);
    return column >= 0 && column < grid.columns && row >= 0 && row < grid.rows.length ? { column, row } : null;
  };
  const release = (event: PointerEvent): void => {
    const end = place(event)?.column;
    const from = start.current;
    start.current = null;
    if (from === null || end === undefined || end === from) return;
    onZoom(grid.time(Math.min(from, end)), grid.time(Math.max(from, end) + 1));
  };

  return (
    <figure className="chart">
      <figcaption className="readout" aria-hidden="true">
        {cell === null ? (
          <span className="dim">each column shows where the answers of its time lie; the fullest class of a column is strongest</span>
        ) : (
          <span>
            {grid.step >= 3600 ? moment(grid.time(cell.column)) : clock(grid.time(cell.column)).slice(0, 5)} ·{" "}
            {grid.words(cell.row)} · {count(grid.at(cell.column, cell.row))} of {count(grid.sum(cell.column))} answers
          </span>
        )}
      </figcaption>
      <div className="plot">
        <canvas
          ref={canvas}
          role="img"
          aria-label={`Response times over time. ${grid.spoken}`}
          onPointerMove={(event) => setCell(place(event))}
          onPointerLeave={() => setCell(null)}
          onPointerDown={(event) => {
            start.current = place(event)?.column ?? null;
          }}
          onPointerUp={release}
        />
      </div>
    </figure>
  );
}

interface Grid {
  columns: number;
  rows: number[];
  step: number;
  time: (column: number) => number;
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
  const labels = Math.max(2, Math.min(8, Math.floor(width / 110)));
  for (let at = 0; at < labels; at += 1) {
    const column = Math.floor(((at + 0.5) / labels) * grid.columns);
    const time = grid.time(column);
    const text = grid.step >= 3600 ? moment(time).slice(0, grid.step >= 10_800 ? -6 : undefined) : clock(time).slice(0, 5);
    ctx.fillText(text, LEFT + (column + 0.5) * wide, height - BOTTOM / 2);
  }
}
