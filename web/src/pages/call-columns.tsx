/** A call in a row. */

import type { Call } from "../api/types";
import { count, ms, usd, when, written } from "../format";
import { Link } from "../router";
import { Status } from "../ui/parts";
import type { Column } from "../ui/table";

const labels = (call: Call): string =>
  [call.key, call.role, call.task, call.session].filter((label) => label !== null).join(" · ");

export const CALL_COLUMNS: Column<Call>[] = [
  {
    name: "time",
    head: "Time",
    cell: (call) => (
      <Link to={`/ui/calls/${call.id}`} className="num">
        {when(call.started_at)}
      </Link>
    ),
  },
  { name: "status", head: "Status", cell: (call) => <Status status={call.status} /> },
  {
    name: "model",
    head: "Model",
    cell: (call) => (
      <>
        {call.deployment ?? call.requested_model ?? "–"}
        {call.requested_model && call.deployment && call.requested_model !== call.deployment && (
          <span className="dim"> as {call.requested_model}</span>
        )}
      </>
    ),
  },
  { name: "duration", head: "Duration", meaning: "response", number: true, by: (call) => call.duration_ms, cell: (call) => ms(call.duration_ms) },
  { name: "ttft", head: "First token", meaning: "ttft", number: true, by: (call) => call.ttft_ms, cell: (call) => ms(call.ttft_ms) },
  {
    name: "tps",
    head: "Speed",
    meaning: "tps",
    number: true,
    by: (call) => call.output_tokens_per_second,
    cell: (call) => written(call.output_tokens_per_second, "tps"),
  },
  {
    name: "tokens",
    head: "Tokens in → out",
    number: true,
    by: (call) => call.usage?.output_tokens ?? null,
    cell: (call) => (call.usage ? `${count(call.usage.input_tokens)} → ${count(call.usage.output_tokens)}` : "–"),
  },
  { name: "cost", head: "Cost", meaning: "cost", number: true, by: (call) => (call.cost_usd === null ? null : Number(call.cost_usd)), cell: (call) => usd(call.cost_usd) },
  { name: "tries", head: "Tries", meaning: "tries", number: true, by: (call) => call.attempts.length, cell: (call) => count(call.attempts.length) },
  { name: "error", head: "Error", cell: (call) => call.error_code ?? call.error_kind ?? "" },
  { name: "labels", head: "Key, role, task, session", cell: (call) => <span className="dim">{labels(call)}</span> },
];
