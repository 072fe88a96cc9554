/** The overview's figures: state and uptime, then what the range came to. */

import type { ReactNode } from "react";
import { useLive } from "../api/live";
import type { Costs, Indicator, Ready, State, Tally } from "../api/types";
import { useQuery } from "../api/use-query";
import { count, ms, NONE, percent, rate, uptime, usd, written } from "../format";
import { Link } from "../router";
import { Define } from "../ui/define";
import { Dot, Tile } from "../ui/parts";

/** The state in one line; figures of the last minute, as they come. */
export function StatusStrip(): ReactNode {
  const { pulse, link } = useLive();
  const ready = useQuery<Ready>("/health/ready", 10_000).data;
  const isGone = link === "connecting" && pulse !== undefined;
  const degraded = ready?.degraded ?? [];
  const tone = isGone ? "bad" : ready === undefined ? "idle" : ready.status !== "ready" ? "warn" : degraded.length > 0 ? "warn" : "good";
  const words = isGone
    ? "not answering"
    : ready === undefined
      ? "…"
      : ready.status === "ready"
        ? degraded.length > 0
          ? degraded.every((one) => one.part === "providers" || one.part === "demo")
            ? "serving simulated models"
            : "serving, degraded"
          : "serving"
        : ready.status;
  const recent = pulse?.recent;
  const figures: [string, string][] = [
    ["calls, last minute", recent ? rate(recent.calls_per_second) : NONE],
    ["in flight", count(pulse?.calls_in_flight)],
    ["tokens out", recent ? rate(recent.tokens_per_second) : NONE],
    ["errors", percent(recent?.error_rate)],
    ["last answer", ms(pulse?.last_response_time_ms)],
    ["speed", written(pulse?.last_tps, "tps")],
  ];
  return (
    <section className="strip" aria-label="state now">
      <span className="strip-state">
        <Dot tone={tone}>
          <strong>{words}</strong>
        </Dot>
        <span className="dim">up</span> <span className="num">{pulse ? uptime(pulse.uptime_seconds) : NONE}</span>
      </span>
      <dl className="strip-figures">
        {figures.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {degraded.filter((one) => one.part !== "demo").map((one) => (
        <p key={one.detail} className="strip-note">
          <Link to="/ui/health">{one.part}</Link>: {one.detail}
        </p>
      ))}
    </section>
  );
}

/** Red where the indicator of this figure says so. */
function tone(indicators: Indicator[], name: string): State | undefined {
  const state = indicators.find((one) => one.name === name)?.state;
  return state === "warning" || state === "critical" ? state : undefined;
}

const TONES: Partial<Record<State, string>> = { warning: "warn", critical: "bad" };

export function Tiles({ tally, indicators }: { tally: Tally; indicators: Indicator[] }): ReactNode {
  const { response_time_ms: time, ttft_ms: ttft, output_tokens_per_second: tps } = tally;
  const more = (parts: [string, number | null][]): ReactNode =>
    parts.map(([name, value]) => (
      <span key={name}>
        <span className="dim">{name}</span> {ms(value)}
      </span>
    ));
  return (
    <>
      <Tile label="Calls" meaning="calls" value={count(tally.calls)}>
        <span>{rate(tally.calls_per_second)}</span>
        <span>
          {count(tally.canceled)} <span className="dim">canceled</span>
        </span>
        <span>
          {count(tally.refused)} <span className="dim">refused</span>
        </span>
      </Tile>
      <Tile label="Error rate" meaning="errors" value={percent(tally.error_rate)} tone={tone(indicators, "error_rate")}>
        <Link to="/ui/calls?status=error">
          {count(tally.errors)} errors, {count(tally.partial)} partial
        </Link>
      </Tile>
      <Tile label="Response time" meaning="response" value={ms(time.p50)}>
        <span className={TONES[tone(indicators, "response_time_ms") ?? "ok"]}>
          <span className="dim">p95</span> {ms(time.p95)}
        </span>
        {more([["p99", time.p99]])}
        {time.grade && <span className="dim">median {time.grade.word}</span>}
      </Tile>
      <Tile label="First token" meaning="ttft" value={ms(ttft.p50)}>
        {more([
          ["p95", ttft.p95],
          ["p99", ttft.p99],
        ])}
      </Tile>
      <Tile label="Speed" meaning="tps" value={written(tps.p50, "tps")}>
        <span>
          <Define what="throughput">{rate(tally.tokens_per_second)} out</Define>
        </span>
        <span>
          {count(tally.tokens.total)} <span className="dim">tokens</span>
        </span>
      </Tile>
    </>
  );
}

export function CostTile({ costs }: { costs: Costs | undefined }): ReactNode {
  const today = costs?.today;
  return (
    <Tile label="Cost today" meaning="cost" value={usd(today?.cost_known_usd)}>
      <span>
        <Define what="forecast">by midnight</Define> {usd(today?.forecast_usd)}
      </span>
      <span>
        <span className="dim">yesterday</span> {usd(costs?.yesterday.cost_known_usd)}
      </span>
      <span>
        <span className="dim">month</span> {usd(costs?.month.cost_known_usd)}
        <span className="dim"> → {usd(costs?.month.forecast_usd)}</span>
      </span>
      {today && today.cost_unknown_calls > 0 && <span className="warn">{count(today.cost_unknown_calls)} calls without a price</span>}
    </Tile>
  );
}
