/** Lines or bars over time: one crosshair and one zoom for all of them, labels at the lines, the same as a table. */

import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { clock, moment, type Unit, written } from "../format";
import { colour, useThemeTurn } from "../theme";
import { endLabels, labelRoom, scaleTop, timeAxis } from "./drawing";
import { useMoment } from "./moment";
import { Readout } from "./readout";

export interface Line {
  label: string;
  values: (number | null)[];
  /** A colour of the style sheet. */
  colour: string;
  bars?: boolean;
  dash?: boolean;
}

export interface TimeData {
  /** Starts of the steps in milliseconds. */
  times: number[];
  stepSeconds: number;
  since: number;
  until: number;
}

interface Props {
  title: string;
  data: TimeData;
  lines: Line[];
  unit: Unit;
  height?: number;
  onZoom?: (since: number, until: number) => void;
}

/** On a wall there is room. */
const TALL = window.innerWidth >= 2000 ? 260 : 180;

export function TimeChart({ title, data, lines, unit, height = TALL, onZoom }: Props): ReactNode {
  const host = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState<number | null>(null);
  const zoom = useRef(onZoom);
  zoom.current = onZoom;
  const turn = useThemeTurn();
  const shape = lines.map((line) => `${line.label}|${line.colour}|${line.bars ? 1 : 0}`).join(";");
  const values = useMemo(() => columns(data, lines), [data, lines]);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(values);
  latest.current = values;
  const span = useRef(data);
  span.current = data;
  // uPlot's charts tell each other; what is drawn otherwise is told here, and tells them.
  const isTold = useRef(false);
  const tell = useMoment((time) => {
    const own = plot.current;
    if (own === null) return;
    isTold.current = true;
    own.setCursor({ left: time === null ? -10 : own.valToPos(time / 1000, "x"), top: 10 });
    isTold.current = false;
  });

  useEffect(() => {
    const node = host.current;
    if (node === null) return undefined;
    const options: uPlot.Options = {
      width: Math.max(200, node.clientWidth),
      height,
      padding: [10, labelRoom(lines, node.clientWidth), 0, 0],
      legend: { show: false },
      cursor: {
        sync: { key: "time", setSeries: false },
        drag: { x: true, y: false, setScale: false },
        points: { size: 6 },
        y: false,
      },
      scales: {
        x: { time: true, range: () => [span.current.since / 1000, span.current.until / 1000] },
        y: { range: (_, __, max) => [0, scaleTop(max)] },
      },
      axes: [timeAxis(), valueAxis(unit, height)],
      series: [{}, ...lines.map((line) => series(line))],
      hooks: {
        setCursor: [
          (own) => {
            setAt(own.cursor.idx ?? null);
            const left = own.cursor.left ?? -1;
            if (own.cursor.event != null && !isTold.current) tell(left < 0 ? null : own.posToVal(left, "x") * 1000);
          },
        ],
        setSelect: [
          (own) => {
            if (own.select.width < 8) return;
            const from = own.posToVal(own.select.left, "x") * 1000;
            const to = own.posToVal(own.select.left + own.select.width, "x") * 1000;
            own.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            zoom.current?.(from, to);
          },
        ],
        draw: [(own) => endLabels(own, lines)],
      },
    };
    const own = new uPlot(options, latest.current, node);
    plot.current = own;
    const watch = new ResizeObserver(() => own.setSize({ width: Math.max(200, node.clientWidth), height }));
    watch.observe(node);
    return () => {
      watch.disconnect();
      own.destroy();
      plot.current = null;
    };
    // `shape` says all of `lines` that is drawn but for the values, which `setData` brings.
  }, [shape, unit, height, turn, tell]);

  useEffect(() => {
    plot.current?.setData(values);
  }, [values]);

  return (
    <figure className="chart">
      <Readout room={readout(data, lines, unit, data.times.length - 1)}>{readout(data, lines, unit, at)}</Readout>
      <div ref={host} className="plot" role="img" aria-label={`${title}: ${spoken(lines, unit)}`} />
      <AsTable title={title} data={data} lines={lines} unit={unit} />
    </figure>
  );
}

function columns(data: TimeData, lines: Line[]): uPlot.AlignedData {
  // A line stands at its step's middle, so that bars and lines agree.
  const middle = data.stepSeconds / 2;
  return [data.times.map((time) => time / 1000 + middle), ...lines.map((line) => line.values)];
}

function series(line: Line): uPlot.Series {
  const stroke = colour(line.colour);
  const bars = uPlot.paths.bars?.({ size: [0.8, 40], align: 0 });
  return {
    label: line.label,
    stroke,
    width: line.bars ? 0 : 1.6,
    points: line.bars ? { show: false } : { show: true, size: 5, fill: stroke, filter: lonely },
    spanGaps: false,
    ...(line.dash ? { dash: [4, 4] } : {}),
    ...(line.bars && bars ? { fill: stroke, paths: bars } : {}),
  };
}

/** Values without neighbours: no line leads there, so they are dots. */
function lonely(plot: uPlot, at: number): number[] {
  const values = plot.data[at] ?? [];
  const has = (index: number): boolean => values[index] != null;
  return Array.from(values.keys()).filter((index) => has(index) && !has(index - 1) && !has(index + 1));
}

function valueAxis(unit: Unit, height: number): uPlot.Axis {
  return {
    stroke: colour("--dim"),
    grid: { stroke: colour("--grid"), width: 1 },
    ticks: { show: false },
    font: `11px ${colour("--font")}`,
    size: 62,
    space: height > 200 ? 46 : 28,
    values: (_, splits) => splits.map((value) => (value === 0 ? "0" : written(value, unit))),
  };
}

function readout(data: TimeData, lines: Line[], unit: Unit, at: number | null): ReactNode {
  const time = at === null ? undefined : data.times[at];
  if (at === null || time === undefined) return <span className="dim">{steps(data.stepSeconds)}</span>;
  const stamp = data.stepSeconds >= 3600 ? moment(time) : clock(time).slice(0, 5);
  return (
    <>
      <span>{stamp}</span>
      {lines.map((line) => (
        <span key={line.label}>
          <span className={`swatch ${line.colour.slice(2)}`} /> {line.label} {written(line.values[at], unit)}
        </span>
      ))}
    </>
  );
}

const steps = (seconds: number): string =>
  `a point each ${seconds < 3600 ? `${seconds / 60} min` : seconds < 86_400 ? `${seconds / 3600} h` : "day"}`;

function spoken(lines: Line[], unit: Unit): string {
  const told = lines.map((line) => {
    const known = line.values.filter((value) => value !== null);
    if (known.length === 0) return `${line.label} has no values`;
    return `${line.label} from ${written(Math.min(...known), unit)} to ${written(Math.max(...known), unit)}, last ${written(known.at(-1), unit)}`;
  });
  return told.join("; ");
}

/** The same as figures, for who cannot see the lines; made only when it is opened. */
function AsTable({ title, data, lines, unit }: Omit<Props, "height" | "onZoom">): ReactNode {
  const [isOpen, setOpen] = useState(false);
  return (
    <details className="as-table" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        Table<span className="unseen"> of {title}</span>
      </summary>
      {isOpen && (
        <div className="scroll" tabIndex={0} role="region" aria-label={`${title} as a table`}>
          <table>
            <thead>
              <tr>
                <th scope="col">from</th>
                {lines.map((line) => (
                  <th key={line.label} scope="col" className="number">
                    {line.label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {data.times.map((time, row) => (
                <tr key={time}>
                  <td>{moment(time)}</td>
                  {lines.map((line) => (
                    <td key={line.label} className="number">
                      {written(line.values[row], unit)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}
