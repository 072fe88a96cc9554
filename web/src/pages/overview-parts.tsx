/** The overview's lists: indicators, errors, gates, budgets, the latest calls. */

import { type ReactNode, useEffect, useState } from "react";
import { advice } from "../advice";
import { useLive } from "../api/live";
import type { Budget, Call, Calls, Indicator, Limits, Scope, Tally } from "../api/types";
import { useQuery } from "../api/use-query";
import { ago, count, ms, usd, written } from "../format";
import { go, Link, withRange } from "../router";
import { Define } from "../ui/define";
import { FirstCall } from "../ui/first-call";
import { Command, Dot, Empty, Meter, Panel } from "../ui/parts";
import { Table } from "../ui/table";
import { CALL_COLUMNS } from "./call-columns";

const NAMES: Record<string, string> = {
  response_time_ms: "Response time p95",
  selection_accuracy: "Selection accuracy",
  cache_hit_rate: "Cache hit rate",
  cost_efficiency: "Cost efficiency",
  error_rate: "Error rate",
};
const TONES = { ok: "good", info: "good", warning: "warn", critical: "bad", unknown: "idle" } as const;

interface IndicatorProps {
  rows: Indicator[];
  words: { type: string; text: string }[];
  window: string;
}

export function Indicators({ rows, words, window }: IndicatorProps): ReactNode {
  return (
    <Panel title="Indicators against targets" note={`last ${window}`}>
      <ul className="rows">
        {rows.map((row) => (
          <li key={row.name} className="indicator">
            <Dot tone={TONES[row.state]}>{NAMES[row.name] ?? row.name}</Dot>
            <span className="num">{written(row.value, row.unit)}</span>
            <span className="dim">
              {row.state === "unknown" ? "not known yet" : `${row.state}; target ${written(row.target, row.unit)}`}
            </span>
            <span className="indicator-words">{row.words}</span>
          </li>
        ))}
        {words.map((one) => (
          <li key={one.text} className="advice">
            {one.text}
          </li>
        ))}
      </ul>
    </Panel>
  );
}

export function Errors({ calls }: { calls: Call[] | undefined }): ReactNode {
  return (
    <Panel title="Last errors, and what to do" tools={<Link to="/ui/calls?status=error">All errors</Link>}>
      {calls?.length === 0 ? (
        <Empty title="No call has failed.">
          <p className="dim">Those that do appear here, each with what to do about it.</p>
        </Empty>
      ) : (
        <ul className="rows">
          {calls?.map((call) => (
            <li key={call.id} className="error-row">
              <Link to={`/ui/calls/${call.id}`}>{call.error_code ?? call.error_kind ?? "error"}</Link>
              <span className="dim">
                {call.deployment ?? call.requested_model ?? "no model"} · {ago(call.started_at)}
              </span>
              <span className="error-advice">{advice(call)}</span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

const STATES: Record<string, string> = {
  rate_limited: "asks for no more calls",
  failing: "fails; left alone, then tried with one call",
  key_refused: "refuses our key: check it and the account",
  slow_start: "back, and given calls slowly",
  probing: "tried with one call",
};

export function Gates({ limits, tally, words }: { limits: Limits | undefined; tally: Tally | undefined; words: string }): ReactNode {
  const away = limits?.deployments?.filter((one) => one.state !== "ready") ?? [];
  return (
    <Panel title="Fallbacks and gates now" meaning="gates">
      <p className="pad">
        <span className="big num">{count(tally?.fallbacks)}</span> <Define what="fallbacks">further tries</Define> in the {words};{" "}
        <span className="num">{count(limits?.waiting_for_providers)}</span> calls wait for a provider now.
      </p>
      {away.length === 0 ? (
        <p className="pad">
          <Dot tone="good">All {count(limits?.deployments?.length)} deployments may be asked.</Dot>
        </p>
      ) : (
        <ul className="rows">
          {away.map((one) => (
            <li key={one.deployment + one.key_from}>
              <Dot tone={one.state === "key_refused" || one.state === "failing" ? "bad" : "warn"}>{one.deployment}</Dot>
              <span className="dim">
                {STATES[one.state] ?? one.state}
                {one.left_alone_ms === null ? "" : `, for ${ms(one.left_alone_ms)} more`}
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

export function BudgetRow({ name, span, budget }: { name: string; span: string; budget: Budget }): ReactNode {
  const spent = Number(budget.spent_usd) + Number(budget.reserved_usd);
  return (
    <li className="budget">
      <span>
        {name} <span className="dim">{span}</span>
      </span>
      <Meter used={spent} limit={Number(budget.limit_usd)} label={`${name} ${span}`} />
      <span className="num">
        {usd(spent)} <span className="dim">of {usd(budget.limit_usd)}</span>
      </span>
      <span className="dim">
        {budget.nearly_used ? "nearly used; " : ""}anew {ago(budget.resets_at)}
      </span>
    </li>
  );
}

export const scopeName = (scope: Scope): string => `${scope.kind} ${scope.name}`;

export function Budgets({ limits }: { limits: Limits | undefined }): ReactNode {
  const scopes = limits?.scopes?.filter((scope) => scope.budget_day ?? scope.budget_month) ?? [];
  return (
    <Panel title="Budgets" tools={<Link to="/ui/limits">Limits & keys</Link>}>
      {scopes.length === 0 ? (
        <Empty title="No budget is set.">
          <p className="dim">A key, tenant or workspace may have one, a day or a month. In paceline.toml:</p>
          <Command text={"[tenants.default]\nbudget.day_usd = 20"} />
        </Empty>
      ) : (
        <ul className="rows">
          {scopes.map((scope) => (
            <BudgetRows key={scopeName(scope)} scope={scope} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

export function BudgetRows({ scope, name = scopeName(scope) }: { scope: Scope; name?: string }): ReactNode {
  return (
    <>
      {scope.budget_day && <BudgetRow name={name} span="today" budget={scope.budget_day} />}
      {scope.budget_month && <BudgetRow name={name} span="this month" budget={scope.budget_month} />}
    </>
  );
}

const SHOWN = 8;
const LATEST_NAMES = ["time", "status", "model", "duration", "ttft", "tps", "tokens", "cost", "error", "labels"];
/** In the order in which they end, so without sorting. */
const LATEST = CALL_COLUMNS.filter((column) => LATEST_NAMES.includes(column.name)).map(({ by: _, ...column }) => column);

/** The latest calls, as they end. */
export function Recent(): ReactNode {
  const first = useQuery<Calls>(`/v1/calls?limit=${SHOWN}`);
  const { onCalls } = useLive();
  const [fresh, setFresh] = useState<Call[]>([]);
  useEffect(() => onCalls((calls) => setFresh((was) => [...calls.toReversed(), ...was].slice(0, SHOWN))), [onCalls]);
  const known = new Set(fresh.map((call) => call.id));
  const calls = [...fresh, ...(first.data?.calls ?? []).filter((call) => !known.has(call.id))].slice(0, SHOWN);
  return (
    <Panel title="Latest calls" note="as they end" tools={<Link to="/ui/calls">All calls</Link>}>
      {calls.length === 0 ? (
        <Empty title="No call is kept yet. Send one:">
          <FirstCall />
        </Empty>
      ) : (
        <Table caption="Latest calls" columns={LATEST} rows={calls} id={(call) => call.id} onRow={(call) => go(withRange(`/ui/calls/${call.id}`))} />
      )}
    </Panel>
  );
}
