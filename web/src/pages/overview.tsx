/** What is going on: figures of the range, over time, what it costs, what is wrong and what to do. */

import { type ReactNode, useEffect } from "react";
import { useLive } from "../api/live";
import type { Calls, Costs, FigureName, Limits, Series, Summary } from "../api/types";
import { useQuery } from "../api/use-query";
import { TimeChart } from "../charts/time-chart";
import { useRange } from "../range";
import { FirstCall } from "../ui/first-call";
import { Empty, Panel, Trouble, Waiting } from "../ui/parts";
import { CALLS, COST, type Kind, numbers, RESPONSE, TTFT } from "./measures";
import { Budgets, Errors, Gates, Indicators, Recent } from "./overview-parts";
import { CostTile, StatusStrip, Tiles } from "./overview-tiles";
import { timeData } from "./shared";

export function Overview(): ReactNode {
  const range = useRange();
  const series = useQuery<Series>(`/v1/performance/series?${range.query}&figures=${FIGURES}`, range.refresh);
  const summary = useQuery<Summary>(`/v1/performance/summary?window=${range.window}`, 15_000);
  const costs = useQuery<Costs>("/v1/costs", 15_000);
  const limits = useQuery<Limits>("/v1/limits", 5000);
  const bad = useQuery<Calls>("/v1/calls?status=error&limit=6", 5000);
  const data = series.data;
  const error = series.error ?? summary.error ?? costs.error ?? limits.error ?? bad.error;

  const isEmpty = data?.overview.calls === 0;
  const { onCalls } = useLive();
  // The first call must not be waited for.
  useEffect(() => (isEmpty ? onCalls(() => series.reload()) : undefined), [isEmpty, onCalls, series.reload]);

  return (
    <>
      <h1 className="unseen">Overview</h1>
      <StatusStrip />
      <Trouble error={error} retry={series.reload} />
      {data === undefined ? (
        error ? null : <Waiting />
      ) : isEmpty && (bad.data?.calls.length ?? 0) === 0 ? (
        <Nothing words={range.words} />
      ) : (
        <>
          <div className="tiles">
            <Tiles tally={data.overview} indicators={summary.data?.indicators ?? []} />
            <CostTile costs={costs.data} />
          </div>
          <Charts data={data} zoom={range.zoom} />
        </>
      )}
      <div className="grid">
        <Indicators rows={summary.data?.indicators ?? []} words={summary.data?.recommendations ?? []} window={range.window} />
        <Errors calls={bad.data?.calls} />
        <Gates limits={limits.data} tally={data?.overview} words={range.words} />
        <Budgets limits={limits.data} />
      </div>
      <Recent />
    </>
  );
}

function Nothing({ words }: { words: string }): ReactNode {
  return (
    <Panel title="No calls yet">
      <Empty title={`No call in the ${words}. Send one and watch it appear here:`}>
        <FirstCall />
        <p className="dim">
          Or point an application at <code>{location.origin}/v1</code> as its base URL. A wider range may show older calls.
        </p>
      </Empty>
    </Panel>
  );
}

type Line = [label: string, figure: Exclude<FigureName, "response_time_classes">, colour: string];

interface Chart extends Kind {
  note?: string;
  bars?: boolean;
  lines: Line[];
}

/** What is shown over time. */
const CHARTS: Chart[] = [
  {
    ...CALLS,
    note: "and failed ones, per step",
    bars: true,
    lines: [
      ["calls", "calls", "--line-1"],
      ["failed", "errors", "--bad"],
    ],
  },
  {
    ...RESPONSE,
    lines: [
      ["p99", "response_time_p99_ms", "--line-3"],
      ["p95", "response_time_p95_ms", "--line-2"],
      ["p50", "response_time_p50_ms", "--line-1"],
    ],
  },
  {
    ...TTFT,
    lines: [
      ["p95", "ttft_p95_ms", "--line-2"],
      ["p50", "ttft_p50_ms", "--line-1"],
    ],
  },
  { ...COST, note: "known cost per step", bars: true, lines: [["cost", "cost_known_usd", "--line-1"]] },
];
const FIGURES = CHARTS.flatMap((chart) => chart.lines.map(([, figure]) => figure)).join(",");

function Charts({ data, zoom }: { data: Series; zoom: (since: number, until: number) => void }): ReactNode {
  const time = timeData(data);
  return (
    <div className="grid charts">
      {CHARTS.map((chart) => (
        <Panel key={chart.title} title={chart.title} meaning={chart.meaning} note={chart.note}>
          <TimeChart
            title={chart.title}
            data={time}
            unit={chart.unit}
            onZoom={zoom}
            lines={chart.lines.map(([label, figure, colour]) => ({
              label,
              colour,
              values: numbers(data.figures, figure),
              bars: chart.bars ?? false,
            }))}
          />
        </Panel>
      ))}
    </div>
  );
}
