/** Calls as they come, and what one looks for among them; what is looked for stands in the address. */

import { type FormEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { useLive } from "../api/live";
import type { Calls as Page } from "../api/types";
import { useQuery } from "../api/use-query";
import { count } from "../format";
import { useRange } from "../range";
import { go, useParams, withRange } from "../router";
import { FirstCall } from "../ui/first-call";
import { Command, Empty, Panel, Trouble, Waiting } from "../ui/parts";
import { Table } from "../ui/table";
import { CALL_COLUMNS } from "./call-columns";

const STATUSES = ["", "ok", "error", "partial", "canceled", "refused"] as const;
const TEXTS = [
  ["model", "Model or deployment"],
  ["provider", "Provider"],
  ["route", "Route"],
  ["key", "Key"],
  ["tenant", "Tenant"],
  ["workspace", "Workspace"],
  ["session", "Session"],
  ["task", "Task"],
  ["role", "Role"],
  ["user", "User"],
  ["error_kind", "Kind of error"],
  ["tag", "Tag (key:value)"],
  ["min_duration_ms", "At least ms"],
  ["min_cost_usd", "At least $"],
] as const;
const FILTERS = ["status", ...TEXTS.map(([name]) => name)];
const LIMIT = 100;

export function Calls(): ReactNode {
  const range = useRange();
  const [params, set] = useParams();
  const cursor = params.get("cursor");
  const query = new URLSearchParams(range.query);
  for (const name of FILTERS) {
    const value = params.get(name);
    if (value) query.set(name, value);
  }
  query.set("limit", String(LIMIT));
  if (cursor) query.set("cursor", cursor);
  const found = useQuery<Page>(`/v1/calls?${query.toString()}`, cursor ? 0 : 30_000);
  const isLive = cursor === null && range.span === undefined;
  useFollow(isLive, found.reload);
  const isFiltered = FILTERS.some((name) => params.get(name));
  const calls = found.data?.calls;
  const clear = (
    <button type="button" className="button small" onClick={() => set(Object.fromEntries([...FILTERS, "cursor"].map((name) => [name, null])))}>
      Clear the filters
    </button>
  );

  return (
    <>
      <h1 className="unseen">Calls</h1>
      <Filters />
      <Trouble error={found.error} retry={found.reload}>
        {isFiltered && found.error?.status === 400 && clear}
      </Trouble>
      <Panel
        title="Calls"
        note={calls && `${count(calls.length)}${found.data?.next_cursor ? " of more" : ""}, newest first${isLive ? "; new ones appear by themselves" : ""}`}
        tools={<Pages next={found.data?.next_cursor ?? null} cursor={cursor} />}
      >
        {calls === undefined ? (
          found.error ? null : <Waiting />
        ) : calls.length > 0 ? (
          <Table caption="Calls" columns={CALL_COLUMNS} rows={calls} id={(call) => call.id} onRow={(call) => go(withRange(`/ui/calls/${call.id}`))} />
        ) : isFiltered ? (
          <Empty title={`No call of the ${range.words} is like this.`}>
            {clear}
            <p className="dim">The same question by the API:</p>
            <Command text={`curl '${location.origin}/v1/calls?${query.toString()}'`} />
          </Empty>
        ) : (
          <Empty title={`No call in the ${range.words}. Send one:`}>
            <FirstCall />
          </Empty>
        )}
      </Panel>
    </>
  );
}

/** Asks again when calls have ended, at most once a second. */
function useFollow(isLive: boolean, reload: () => void): void {
  const { onCalls } = useLive();
  const waits = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => {
    if (!isLive) return undefined;
    const stop = onCalls(() => {
      waits.current ??= setTimeout(() => {
        waits.current = undefined;
        reload();
      }, 1000);
    });
    return () => {
      stop();
      clearTimeout(waits.current);
      waits.current = undefined;
    };
  }, [isLive, onCalls, reload]);
}

function Pages({ next, cursor }: { next: string | null; cursor: string | null }): ReactNode {
  const [, set] = useParams();
  return (
    <>
      {cursor && (
        <button type="button" className="button small" onClick={() => set({ cursor: null })}>
          Newest
        </button>
      )}
      {next && (
        <button type="button" className="button small" onClick={() => set({ cursor: next })}>
          Older
        </button>
      )}
    </>
  );
}

function Filters(): ReactNode {
  const [params, set] = useParams();
  const active = TEXTS.filter(([name]) => params.get(name));
  const [id, setId] = useState("");
  const find = (event: FormEvent): void => {
    event.preventDefault();
    if (id.trim() !== "") go(withRange(`/ui/calls/${encodeURIComponent(id.trim())}`));
  };
  return (
    <search className="filters">
      <div className="filter-row">
        <label>
          Status
          <select value={params.get("status") ?? ""} onChange={(event) => set({ status: event.target.value, cursor: null })}>
            {STATUSES.map((status) => (
              <option key={status} value={status}>
                {status === "" ? "any" : status}
              </option>
            ))}
          </select>
        </label>
        <TextFilter name="model" words="Model or deployment" />
        <form onSubmit={find}>
          <label>
            Find by id
            <input value={id} onChange={(event) => setId(event.target.value)} placeholder="x-paceline-call-id" spellCheck={false} />
          </label>
        </form>
      </div>
      <details open={active.some(([name]) => name !== "model")}>
        <summary>More filters{active.length > 0 ? ` (${active.length})` : ""}</summary>
        <div className="filter-row">
          {TEXTS.slice(1).map(([name, words]) => (
            <TextFilter key={name} name={name} words={words} />
          ))}
        </div>
      </details>
      {(active.length > 0 || params.get("status")) && (
        <ul className="chips" aria-label="filters in use">
          {FILTERS.filter((name) => params.get(name)).map((name) => (
            <li key={name}>
              <button type="button" className="chip" onClick={() => set({ [name]: null, cursor: null })}>
                {name} = {params.get(name)} <span aria-hidden="true">×</span>
                <span className="unseen">take away</span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </search>
  );
}

/** Takes effect when it is left, by Enter, or a moment after the last key. */
function TextFilter({ name, words }: { name: string; words: string }): ReactNode {
  const [params, set] = useParams();
  const given = params.get(name) ?? "";
  const [text, setText] = useState(given);
  useEffect(() => setText(given), [given]);
  useEffect(() => {
    if (text.trim() === given) return undefined;
    const timer = setTimeout(() => set({ [name]: text.trim(), cursor: null }, true), 600);
    return () => clearTimeout(timer);
  }, [text, given, name, set]);
  return (
    <label>
      {words}
      <input value={text} onChange={(event) => setText(event.target.value)} spellCheck={false} />
    </label>
  );
}
