/** Limits, budgets and keys: what is used, what is near, and who may call. */

import type { ReactNode } from "react";
import type { Audit, Deployment, Key, Limits as Found, Scope, Used } from "../api/types";
import { useQuery } from "../api/use-query";
import { count, ms, when } from "../format";
import { FirstCall } from "../ui/first-call";
import { Command, Dot, Empty, Meter, Panel, Trouble } from "../ui/parts";
import { type Column, Table } from "../ui/table";
import { Keys } from "./keys";
import { BudgetRows, scopeName } from "./overview-parts";

export function Limits(): ReactNode {
  const limits = useQuery<Found>("/v1/limits", 2000);
  const keys = useQuery<{ keys: Key[] }>("/v1/keys", 30_000);
  const audit = useQuery<Audit>("/v1/audit?limit=12", 30_000);
  const again = (): void => {
    keys.reload();
    audit.reload();
    limits.reload();
  };
  return (
    <>
      <h1 className="unseen">Limits and keys</h1>
      <Trouble error={limits.error ?? keys.error} retry={again} />
      <Panel title="Limits and budgets" note="of keys, workspaces, tenants, models and providers">
        <Scopes scopes={limits.data?.scopes ?? []} />
      </Panel>
      <Keys keys={keys.data?.keys} changed={again} />
      <Panel title="Deployments" note="whether they may be asked, and how they fare">
        {limits.data?.deployments?.length === 0 ? (
          <Empty title="No deployment has been called since the start. Call one:">
            <FirstCall />
          </Empty>
        ) : (
          <Table caption="Deployments" columns={DEPLOYMENTS} rows={limits.data?.deployments ?? []} id={(row) => row.deployment + row.key_from} />
        )}
      </Panel>
      <Panel title="Audit log" note="what administrators did">
        {audit.data?.audit.length === 0 ? (
          <Empty title="Nothing was changed yet. Keys made and revoked, reloads and refused logins appear here. A reload:">
            <Command text={`curl -X POST ${location.origin}/v1/config/reload -H "authorization: Bearer $PACELINE_ADMIN_KEY"`} />
          </Empty>
        ) : (
          <ul className="rows">
            {audit.data?.audit.map((one) => (
              <li key={one.id} className="audit">
                <span className="num">{when(one.at)}</span>
                <strong>{one.action}</strong>
                <span>{one.object ?? ""}</span>
                <span className="dim">by {one.who}</span>
              </li>
            ))}
          </ul>
        )}
      </Panel>
    </>
  );
}

function Scopes({ scopes }: { scopes: Scope[] }): ReactNode {
  if (scopes.length === 0) {
    return (
      <Empty title="No limit is set: everybody may call as much as they like.">
        <p className="dim">In paceline.toml, for all callers together, or under [[keys]] for one:</p>
        <Command text={"[tenants.default]\nlimits.calls_per_minute = 600\nbudget.day_usd = 20"} />
      </Empty>
    );
  }
  return (
    <ul className="rows">
      {scopes.map((scope) => (
        <li key={scopeName(scope)} className="scope">
          <div className="scope-head">
            <strong>{scope.name}</strong> <span className="dim">{scope.kind}</span>
            {scope.refused > 0 && <span className="warn">{count(scope.refused)} refused since the start</span>}
            {scope.shadow && <span className="dim">shadow: would have refused {count(scope.shadow.would_have_refused)}</span>}
          </div>
          <ul className="scope-rows">
            <UsedRow name="calls a minute" scope={scope} used={scope.calls_per_minute} />
            <UsedRow name="tokens a minute" scope={scope} used={scope.tokens_per_minute} />
            <UsedRow name="at once" scope={scope} used={scope.concurrent} />
            <BudgetRows scope={scope} name="budget" />
          </ul>
        </li>
      ))}
    </ul>
  );
}

function UsedRow({ name, scope, used }: { name: string; scope: Scope; used: Used | undefined }): ReactNode {
  if (used === undefined) return null;
  return (
    <li className="budget">
      <span>{name}</span>
      <Meter used={used.used} limit={used.limit} label={`${scopeName(scope)}, ${name}`} />
      <span className="num">
        {count(used.used)} <span className="dim">of {count(used.limit)}</span>
      </span>
      <span className="dim">{used.waiting ? `${count(used.waiting)} wait` : ""}</span>
    </li>
  );
}

const tone = (state: string): "good" | "warn" | "bad" =>
  state === "ready" ? "good" : state === "failing" || state === "key_refused" ? "bad" : "warn";

const DEPLOYMENTS: Column<Deployment>[] = [
  { name: "deployment", head: "Deployment", by: (row) => row.deployment, cell: (row) => row.deployment },
  {
    name: "state",
    head: "State",
    meaning: "gates",
    by: (row) => row.state,
    cell: (row) => (
      <Dot tone={tone(row.state)}>
        {row.state.replace("_", " ")}
        {row.left_alone_ms !== null && <span className="dim"> {ms(row.left_alone_ms)} more</span>}
      </Dot>
    ),
  },
  { name: "key", head: "Our key from", cell: (row) => row.key_from || "–" },
  { name: "flight", head: "In flight", number: true, by: (row) => row.in_flight, cell: (row) => count(row.in_flight) },
  { name: "limit", head: "Learned limit", meaning: "learned", number: true, by: (row) => row.learned_limit, cell: (row) => count(row.learned_limit) },
  { name: "waiting", head: "In line", meaning: "inLine", number: true, by: (row) => row.waiting, cell: (row) => count(row.waiting) },
  { name: "failures", head: "Failures in a row", number: true, by: (row) => row.failures_in_a_row, cell: (row) => count(row.failures_in_a_row) },
  { name: "ttft", head: "TTFT p50", meaning: "ttft", number: true, by: (row) => row.ttft_p50_ms, cell: (row) => ms(row.ttft_p50_ms) },
  { name: "ttft99", head: "TTFT p99", meaning: "ttft", number: true, by: (row) => row.ttft_p99_ms, cell: (row) => ms(row.ttft_p99_ms) },
];
