/** What routing decided, what became of it, and what it saved. */

import type { ReactNode } from "react";
import type { Call, Calls, Control, Routed, RoutingStats } from "../api/types";
import { useQuery } from "../api/use-query";
import { Bars } from "../charts/bars";
import { count, decimal, ms, NONE, percent, usd } from "../format";
import { useRange } from "../range";
import { go, Link, withRange } from "../router";
import type { Meaning } from "../ui/define";
import { Command, Empty, Panel, Tile, Trouble, Waiting } from "../ui/parts";
import { type Column, Table } from "../ui/table";
import { CALL_COLUMNS } from "./call-columns";
import { decisionOf } from "./decision";

export function Routing(): ReactNode {
  const range = useRange();
  const found = useQuery<RoutingStats>(`/v1/routing/stats?${range.query}`, range.refresh);
  const isMissing = found.error?.status === 404;
  const data = found.data;
  return (
    <>
      <h1 className="unseen">Routing</h1>
      <Trouble error={isMissing ? undefined : found.error} retry={found.reload} />
      {isMissing || data?.decisions === 0 ? (
        <Nothing words={range.words} />
      ) : data === undefined ? (
        found.error ? null : <Waiting />
      ) : (
        <>
          <Shown stats={data} words={range.words} />
          <Latest routes={data.by_route ?? []} />
        </>
      )}
    </>
  );
}

function Nothing({ words }: { words: string }): ReactNode {
  const body = '{"model": "auto", "messages": [{"role": "user", "content": "Say hello"}]}';
  return (
    <Panel title="Routing">
      <Empty title={`Nothing was routed in the ${words}. Let Paceline choose the model of a call:`}>
        <Command text={`curl ${location.origin}/v1/chat/completions -H 'content-type: application/json' \\\n  -d '${body}'`} />
        <p className="dim">
          Then this page shows which models were chosen, how often that was right, and what it saved; and the call&apos;s own page
          shows who was weighed against whom. A wider range may show older decisions.
        </p>
      </Empty>
    </Panel>
  );
}

const known = (value: unknown): boolean => value !== undefined && value !== null;

function Shown({ stats, words }: { stats: RoutingStats; words: string }): ReactNode {
  const strategies = (stats.by_strategy ?? []).toSorted((a, b) => b.decisions - a.decisions);
  const models = stats.models ?? [];
  const routes = (stats.by_route ?? []).toSorted((a, b) => b.decisions - a.decisions);
  const controls = stats.controls ?? [];
  return (
    <>
      <Tiles stats={stats} />
      <Panel title="Models chosen" note={`${words}${stats.only_the_latest ? ", the latest decisions of more" : ""}`}>
        <Table
          caption="Models chosen"
          columns={COLUMNS.filter((column) => column.of === undefined || models.some((row) => known(column.of && row[column.of])))}
          rows={models}
          id={named}
          sort={{ name: "decisions", down: true }}
        />
      </Panel>
      <div className="grid">
        {strategies.length > 0 && (
          <Panel title="Decisions by strategy" note={words}>
            <Bars
              label="Decisions by strategy"
              unit="count"
              bars={strategies.map((row) => ({
                name: row.strategy,
                value: row.decisions,
                note: stats.decisions > 0 ? percent(row.decisions / stats.decisions, 0) : "",
              }))}
            />
          </Panel>
        )}
        {routes.length > 1 && (
          <Panel title="Decisions by route" note={words}>
            <Bars label="Decisions by route" unit="count" bars={routes.map((row) => ({ name: row.route, value: row.decisions }))} />
          </Panel>
        )}
        {controls.length > 0 && (
          <Panel title="Against other ways to choose" meaning="controls" note="as expected when it was decided">
            <Table caption="Against other ways to choose" columns={CONTROLS} rows={controls} id={(row) => row.name} />
          </Panel>
        )}
      </div>
    </>
  );
}

const SHOWN = 8;

/** The newest decisions of the route that has most, with their reasons. */
function Latest({ routes }: { routes: { route: string; decisions: number }[] }): ReactNode {
  const range = useRange();
  const route = routes.toSorted((a, b) => b.decisions - a.decisions)[0]?.route;
  const path = `route=${encodeURIComponent(route ?? "")}`;
  const found = useQuery<Calls>(route === undefined ? null : `/v1/calls?${range.query}&${path}&limit=${SHOWN}`, range.refresh);
  const calls = found.data?.calls ?? [];
  if (route === undefined || calls.length === 0) return null;
  return (
    <Panel title="Latest decisions" note={routes.length > 1 ? `of the route ${route}` : undefined} tools={<Link to={`/ui/calls?${path}`}>All of {route}</Link>}>
      <Table caption="Latest decisions" columns={LATEST} rows={calls} id={(call) => call.id} onRow={(call) => go(withRange(`/ui/calls/${call.id}`))} />
    </Panel>
  );
}

function reason(call: Call): string {
  const words = decisionOf(call.decision)?.reasoning;
  return typeof words === "string" ? words : NONE;
}

const LATEST_NAMES = ["time", "status", "duration", "cost"];
const LATEST: Column<Call>[] = [
  ...CALL_COLUMNS.filter((column) => LATEST_NAMES.includes(column.name)).map(({ by: _, ...column }) => column),
  { name: "why", head: "Why", cell: (call) => reason(call) },
];

const CONTROLS: Column<Control>[] = [
  { name: "name", head: "Choice", cell: (row) => row.name },
  { name: "cost", head: "Expected cost", number: true, cell: (row) => usd(row.expected_cost_usd) },
  { name: "time", head: "Mean expected time", number: true, cell: (row) => ms(row.mean_expected_latency_ms) },
  { name: "quality", head: "Mean expected quality", meaning: "quality", number: true, cell: (row) => decimal(row.mean_expected_quality, 2) },
];

function Tiles({ stats }: { stats: RoutingStats }): ReactNode {
  const { baseline } = stats;
  const names = [...new Set(Object.values(baseline?.names ?? {}))];
  return (
    <div className="tiles">
      <Tile label="Decisions" meaning="decisions" value={count(stats.decisions)}>
        {known(stats.fallbacks) && (
          <span>
            {count(stats.fallbacks)} <span className="dim">fell back</span>
          </span>
        )}
        {known(stats.escalated) && (
          <span>
            {count(stats.escalated)} <span className="dim">escalated</span>
          </span>
        )}
        {known(stats.explored) && (
          <span>
            {count(stats.explored)} <span className="dim">explored</span>
          </span>
        )}
      </Tile>
      {known(stats.accuracy_decisions) && (
        <Tile label="Selection accuracy" meaning="accuracy" value={percent(stats.accuracy)}>
          <span className="dim">of {count(stats.accuracy_decisions)} with a known outcome</span>
        </Tile>
      )}
      {known(stats.savings_usd) && baseline?.decisions !== 0 && (
        <Tile label="Saved" meaning="savings" value={usd(stats.savings_usd)}>
          {known(stats.savings_share) && <span>{percent(stats.savings_share)}</span>}
          {baseline && (
            <span>
              <span className="dim">{names.length === 1 ? `${names[0]} alone` : "the baselines alone"}</span> {usd(baseline.cost_usd)}
            </span>
          )}
        </Tile>
      )}
      {known(stats.average_cost_per_1k_tokens_usd) && (
        <Tile label="Cost per 1,000 tokens" meaning="perThousand" value={usd(stats.average_cost_per_1k_tokens_usd)} />
      )}
      {known(stats.average_latency_ms) && (
        <Tile label="Mean response time" meaning="response" value={ms(stats.average_latency_ms)}>
          {known(stats.success_rate) && (
            <span>
              {percent(stats.success_rate)} <span className="dim">succeeded</span>
            </span>
          )}
        </Tile>
      )}
    </div>
  );
}

const named = (row: Routed): string => (row.model.startsWith(`${row.provider}/`) ? row.model : `${row.model} · ${row.provider}`);

/** A column of a figure that may not be told. */
interface Shy extends Column<Routed> {
  of?: keyof Routed;
}

function figure(of: keyof Routed, head: string, meaning: Meaning | undefined, words: (row: Routed) => string): Shy {
  return { name: of, of, head, ...(meaning ? { meaning } : {}), number: true, by: (row) => (known(row[of]) ? Number(row[of]) : null), cell: words };
}

const COLUMNS: Shy[] = [
  {
    name: "model",
    head: "Model",
    by: named,
    cell: (row) => <Link to={`/ui/calls?model=${encodeURIComponent(row.model)}`}>{named(row)}</Link>,
  },
  figure("decisions", "Decisions", "decisions", (row) => count(row.decisions)),
  figure("share", "Share", undefined, (row) => percent(row.share)),
  figure("success_rate", "Succeeded", undefined, (row) => percent(row.success_rate)),
  figure("mean_latency_ms", "Mean time", "response", (row) => ms(row.mean_latency_ms)),
  figure("usd_per_1k_tokens", "Cost per 1,000 tokens", "perThousand", (row) => usd(row.usd_per_1k_tokens)),
  figure("cost_usd", "Cost", "cost", (row) => usd(row.cost_usd)),
];
