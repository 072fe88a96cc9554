/** One call: what happened when, what it used and cost, and what was decided. */

import type { ReactNode } from "react";
import { advice } from "../advice";
import type { Call as Record, Usage } from "../api/types";
import { useQuery } from "../api/use-query";
import { Waterfall } from "../charts/waterfall";
import { ago, count, decimal, ms, NONE, usd, when, written } from "../format";
import { Link } from "../router";
import { Define } from "../ui/define";
import { Command, Facts, Panel, Status, Trouble, Waiting } from "../ui/parts";
import { DecisionFacts, decisionOf } from "./decision";

export function Call({ id }: { id: string }): ReactNode {
  const found = useQuery<Record>(`/v1/calls/${encodeURIComponent(id)}`);
  const call = found.data;
  if (call === undefined) {
    return found.error ? (
      <>
        <Trouble error={found.error} retry={found.reload} />
        <Link to="/ui/calls">All calls</Link>
      </>
    ) : (
      <Waiting />
    );
  }
  const decision = decisionOf(call.decision);
  return (
    <>
      <p className="crumbs">
        <Link to="/ui/calls">Calls</Link> / <span className="num">{call.id}</span>
      </p>
      <h1 className="call-title">
        <Status status={call.status} /> {call.deployment ?? call.requested_model ?? "no model"}
        {call.requested_model && call.requested_model !== call.deployment && <span className="dim"> asked for as {call.requested_model}</span>}
      </h1>
      <p className="call-sum">
        {when(call.started_at)} ({ago(call.started_at)}) · <strong>{ms(call.duration_ms)}</strong>
        {call.ttft_ms !== null && <> · first token after {ms(call.ttft_ms)}</>}
        {call.usage && (
          <>
            {" "}
            · {count(call.usage.input_tokens)} → {count(call.usage.output_tokens)} tokens
          </>
        )}{" "}
        · {usd(call.cost_usd)}
        {call.attempts.length > 1 && <> · {call.attempts.length} tries</>}
        {call.quality !== null && <> · quality {decimal(call.quality, 2)}</>}
      </p>
      {call.status !== "ok" && call.status !== "canceled" && (
        <div className="trouble">
          <strong>{call.error_code ?? call.error_kind ?? call.status}</strong> {advice(call)}
        </div>
      )}
      <Panel title="What happened when">
        <Waterfall call={call} />
      </Panel>
      {decision && (
        <Panel title="Decision" note="why it went where it went">
          <DecisionFacts of={decision} served={call.deployment} />
        </Panel>
      )}
      <div className="grid three">
        <Panel title="Usage and cost">
          <UsageFacts call={call} usage={call.usage} />
        </Panel>
        <Panel title="Times">
          <Times call={call} />
        </Panel>
        <Panel title="Who and what for">
          <Labels call={call} />
        </Panel>
        <Panel title="Who was asked">
          <Course call={call} />
        </Panel>
        <Panel title="Answer headers">
          <Headers call={call} />
        </Panel>
        <Body call={call} />
      </div>
    </>
  );
}

function UsageFacts({ call, usage }: { call: Record; usage: Usage | null }): ReactNode {
  if (usage === null) return <p className="dim pad">No tokens are known of this call.</p>;
  return (
    <Facts
      rows={[
        ["Input tokens", count(usage.input_tokens)],
        ["… read from the provider's cache", count(usage.cache_read_tokens)],
        ["… written into it", count(usage.cache_write_tokens + usage.cache_write_1h_tokens)],
        ["Output tokens", count(usage.output_tokens)],
        ["… reasoning", count(usage.reasoning_tokens)],
        [<Define key="u" what="source">Told by</Define>, usage.source],
        ["Cost", call.cost_usd === null ? "no price is known" : `$${call.cost_usd}`],
      ]}
    />
  );
}

function Times({ call }: { call: Record }): ReactNode {
  return (
    <Facts
      rows={[
        [<Define key="d" what="response">Duration</Define>, ms(call.duration_ms)],
        [<Define key="q" what="queue">Waited in line</Define>, ms(call.queue_ms)],
        [<Define key="r" what="route">Routing</Define>, ms(call.route_us === null ? null : call.route_us / 1000)],
        [<Define key="t" what="ttft">First token</Define>, ms(call.ttft_ms)],
        [<Define key="p" what="tpot">Per token after it</Define>, ms(call.tpot_ms)],
        [<Define key="g" what="gaps">Longest gaps, p99</Define>, ms(call.itl_p99_ms)],
        [<Define key="s" what="tps">Speed</Define>, written(call.output_tokens_per_second, "tps")],
        [<Define key="o" what="overhead">Paceline&apos;s own work</Define>, ms(call.overhead_ms)],
      ]}
    />
  );
}

function Labels({ call }: { call: Record }): ReactNode {
  const link = (name: string, value: string | null): ReactNode =>
    value === null ? NONE : <Link to={`/ui/calls?${name}=${encodeURIComponent(value)}`}>{value}</Link>;
  return (
    <Facts
      rows={[
        ["Key", link("key", call.key)],
        ["Tenant / workspace", `${call.tenant} / ${call.workspace}`],
        ["Session", link("session", call.session)],
        ["Role", link("role", call.role)],
        ["Task", link("task", call.task)],
        ["User", link("user", call.user)],
        ["Operation", `${call.operation}, ${call.dialect}${call.stream ? ", stream" : ""}`],
        ["Trace", call.trace_id ?? NONE],
        ...Object.entries(call.tags).map(([name, value]): [string, string] => [`Tag ${name}`, value]),
      ]}
    />
  );
}

/** What led to who was asked, beside the weighing. */
function Course({ call }: { call: Record }): ReactNode {
  const tried = call.attempts.map((one) => `${one.deployment} (${one.reason}${one.error_kind ? `: ${one.error_kind}` : ""})`);
  return (
    <Facts
      rows={[
        ["Asked for", call.requested_model ?? NONE],
        ["Served by", call.deployment ?? NONE],
        ["Tried", tried.length === 0 ? "nobody was asked" : tried.join(" → ")],
        ["Route, strategy", [call.route, call.strategy].filter(Boolean).join(", ") || "none: targets in the configured order"],
        [<Define key="q" what="told">Quality</Define>, call.quality === null ? "nobody has said" : decimal(call.quality, 2)],
        ["Cache", call.cache],
        ["Finish reason", call.finish_reason ?? NONE],
      ]}
    />
  );
}

/** As docs/api.md says which headers the answer had. */
function Headers({ call }: { call: Record }): ReactNode {
  return (
    <Facts
      rows={[
        ["status", call.http_status === null ? "nothing was sent" : String(call.http_status)],
        ["x-paceline-call-id", call.id],
        ["x-paceline-model", call.model ?? NONE],
        ["x-paceline-provider", call.provider ?? NONE],
        ...(call.route === null ? [] : routed(call)),
        ["x-paceline-attempts", decimal(call.attempts.length, 0)],
        ["x-paceline-cache", call.cache],
        ["x-paceline-cost-usd", call.stream ? "not on streams" : (call.cost_usd ?? NONE)],
      ]}
    />
  );
}

/** The sentence that the record has beside it is longer: it also says how sure the choice was. */
function routed(call: Record): [string, string][] {
  const { reasoning } = decisionOf(call.decision) ?? {};
  return [
    ["x-paceline-route", call.route ?? NONE],
    ["x-paceline-reason", typeof reasoning === "string" ? reasoning.replace(/; confidence [\d.]+$/, "") : NONE],
  ];
}

interface Captured {
  content_type: string | null;
  bytes: number;
  cut: boolean;
  text: string | null;
}

/** What was captured of its bodies, where somebody asked for that. */
function Body({ call }: { call: Record }): ReactNode {
  const found = useQuery<{ request: Captured | null; answer: Captured | null }>(`/v1/calls/${call.id}/body`);
  if (found.data === undefined) {
    const key = call.key === null ? "" : `"key": "${call.key}", `;
    return (
      <Panel title="Bodies">
        <div className="pad">
          <p className="gap">Text is never recorded unless asked for. To capture the next five calls of this caller, redacted, for 7 days:</p>
          <Command text={`curl ${location.origin}/v1/captures -d '{${key}"calls": 5}'`} />
        </div>
      </Panel>
    );
  }
  const parts: [string, Captured | null][] = [
    ["Request", found.data.request],
    ["Answer", found.data.answer],
  ];
  return (
    <Panel title="Bodies" note="redacted">
      {parts.map(([name, part]) => (
        <div key={name} className="pad">
          <h3>{name}</h3>
          <pre className="body" tabIndex={0} aria-label={name}>
            {part?.text ?? "nothing"}
          </pre>
        </div>
      ))}
    </Panel>
  );
}
