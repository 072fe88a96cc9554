/** Every model's figures in a row. */

import type { ReactNode } from "react";
import type { ModelSeries } from "../api/types";
import { count, ms, percent, usd, written } from "../format";
import { Link, useParams } from "../router";
import type { Meaning } from "../ui/define";
import { type Column, Table } from "../ui/table";
import { costPerCall } from "./measures";
import { nameOf } from "./models";

export function ModelTable({ rows, chosen }: { rows: ModelSeries[]; chosen: string | null }): ReactNode {
  const [params] = useParams();
  const address = (row: ModelSeries): string => {
    const next = new URLSearchParams(params);
    const name = nameOf(row);
    if (name === chosen) next.delete("model");
    else next.set("model", name);
    return `/ui/models?${next.toString()}`;
  };
  const columns: Column<ModelSeries>[] = [
    { name: "model", head: "Model", by: nameOf, cell: (row) => <Link to={address(row)}>{nameOf(row)}</Link> },
    { name: "calls", head: "Calls", meaning: "calls", number: true, by: (row) => row.overview.calls, cell: (row) => count(row.overview.calls) },
    {
      name: "errors",
      head: "Errors",
      meaning: "errors",
      number: true,
      by: (row) => row.overview.error_rate,
      cell: (row) => (
        <Link to={`/ui/calls?model=${encodeURIComponent(row.model)}&status=error`} className={(row.overview.error_rate ?? 0) > 0.05 ? "bad" : "plain"}>
          {percent(row.overview.error_rate)}
        </Link>
      ),
    },
    time("p50", "p50", "response", (row) => row.overview.response_time_ms.p50),
    time("p95", "p95", "response", (row) => row.overview.response_time_ms.p95),
    time("p99", "p99", "response", (row) => row.overview.response_time_ms.p99),
    time("ttft", "TTFT p50", "ttft", (row) => row.overview.ttft_ms.p50),
    time("ttft95", "TTFT p95", "ttft", (row) => row.overview.ttft_ms.p95),
    {
      name: "tps",
      head: "Speed",
      meaning: "tps",
      number: true,
      by: (row) => row.overview.output_tokens_per_second.p50,
      cell: (row) => written(row.overview.output_tokens_per_second.p50, "tps"),
    },
    { name: "tokens", head: "Tokens out", number: true, by: (row) => row.overview.tokens.output, cell: (row) => count(row.overview.tokens.output) },
    { name: "each", head: "Cost/call", meaning: "costPerCall", number: true, by: (row) => costPerCall(row.overview), cell: (row) => usd(costPerCall(row.overview)) },
    {
      name: "cost",
      head: "Cost",
      meaning: "cost",
      number: true,
      by: (row) => Number(row.overview.cost_known_usd),
      cell: (row) => (row.overview.cost_unknown_calls === row.overview.calls ? <span className="warn">no price</span> : usd(row.overview.cost_known_usd)),
    },
    {
      name: "grade",
      head: "Grade",
      meaning: "grade",
      by: (row) => row.overview.response_time_ms.p50,
      cell: (row) => <span title={row.overview.response_time_ms.grade?.advice ?? ""}>{row.overview.response_time_ms.grade?.word ?? "–"}</span>,
    },
  ];
  return (
    <Table
      caption="Models compared"
      columns={columns}
      rows={rows}
      id={nameOf}
      sort={{ name: "calls", down: true }}
      rowClass={(row) => (nameOf(row) === chosen ? "chosen" : "")}
    />
  );
}

function time(name: string, head: string, meaning: Meaning, of: (row: ModelSeries) => number | null): Column<ModelSeries> {
  return { name, head, meaning, number: true, by: of, cell: (row) => ms(of(row)) };
}
