/** What is going on: figures of the range, over time, what it costs, what is wrong and what to do. */

import { type ReactNode, useEffect } from "react";
import { useLive } from "../api/live";
import type { Calls, Costs, Limits, Series, Summary } from "../api/types";
import { useQuery } from "../api/use-query";
import { TimeChart } from "../charts/time-chart";
import { useRange } from "../range";
import { FirstCall } from "../ui/first-call";
import { Empty, Panel, Trouble, Waiting } from "../ui/parts";
import { Budgets, Errors, Gates, Indicators, Recent } from "./overview-parts";
import { CostTile, StatusStrip, Tiles } from "./overview-tiles";
import { timeData } from "./shared";

export function Overview(): ReactNode {
  const range = useRange();
  const series = useQuery<Series>(`/v1/performance/series?${range.query}`, range.refresh);
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

function Charts({ data, zoom }: { data: Series; zoom: (since: number, until: number) => void }): ReactNode {
  const time = timeData(data);
  const each = <T,>(pick: (step: Series["steps"][number]) => T): T[] => time.steps.map(pick);
  return (
    <div className="grid charts">
      <Panel title="Calls" meaning="calls" note="and failed ones, per step">
        <TimeChart
          title="Calls"
          data={time}
          unit="count"
          onZoom={zoom}
          lines={[
            { label: "calls", values: each((step) => step.calls), colour: "--line-1", bars: true },
            { label: "failed", values: each((step) => step.errors), colour: "--bad", bars: true },
          ]}
        />
      </Panel>
      <Panel title="Response time" meaning="response">
        <TimeChart
          title="Response time"
          data={time}
          unit="ms"
          onZoom={zoom}
          lines={[
            { label: "p99", values: each((step) => step.response_time_p99_ms), colour: "--line-3" },
            { label: "p95", values: each((step) => step.response_time_p95_ms), colour: "--line-2" },
            { label: "p50", values: each((step) => step.response_time_p50_ms), colour: "--line-1" },
          ]}
        />
      </Panel>
      <Panel title="First token" meaning="ttft">
        <TimeChart
          title="Time to first token"
          data={time}
          unit="ms"
          onZoom={zoom}
          lines={[
            { label: "p95", values: each((step) => step.ttft_p95_ms), colour: "--line-2" },
            { label: "p50", values: each((step) => step.ttft_p50_ms), colour: "--line-1" },
          ]}
        />
      </Panel>
      <Panel title="Cost" meaning="cost" note="known cost per step">
        <TimeChart
          title="Cost"
          data={time}
          unit="usd"
          onZoom={zoom}
          lines={[{ label: "cost", values: each((step) => Number(step.cost_known_usd)), colour: "--line-1", bars: true }]}
        />
      </Panel>
    </div>
  );
}
