/** The program itself: its store, its rings, what was dropped, and its configuration with where each setting comes from. */

import { type ReactNode, useMemo, useState } from "react";
import { useLive } from "../api/live";
import type { Ready } from "../api/types";
import { useQuery } from "../api/use-query";
import { bytes, count, ms, uptime } from "../format";
import { readMetrics, sum } from "../metrics";
import { type Config, type Setting, settings } from "../settings";
import { Define } from "../ui/define";
import { Dot, Empty, Facts, Meter, Panel, Trouble, Waiting } from "../ui/parts";
import { type Column, Table } from "../ui/table";

const RING = 16_384;
const PENDING = 65_536;

export function Health(): ReactNode {
  const ready = useQuery<Ready>("/health/ready", 3000);
  const metrics = useQuery<string>("/metrics", 5000);
  const config = useQuery<Config>("/v1/config", 30_000);
  const found = useMemo(() => readMetrics(metrics.data ?? ""), [metrics.data]);
  const data = ready.data;
  return (
    <>
      <h1 className="unseen">Health</h1>
      <Trouble error={ready.error ?? metrics.error ?? config.error} retry={ready.reload} />
      {data === undefined ? (
        <Waiting />
      ) : (
        <div className="grid three">
          <State ready={data} />
          <Store ready={data} metrics={found} />
          <Rings metrics={found} />
        </div>
      )}
      <Configuration config={config.data} />
    </>
  );
}

function State({ ready }: { ready: Ready }): ReactNode {
  const { pulse } = useLive();
  return (
    <Panel title="State">
      <Facts
        rows={[
          ["Serving", <Dot key="s" tone={ready.status === "ready" ? "good" : "warn"}>{ready.status}</Dot>],
          ["Uptime", uptime(pulse?.uptime_seconds ?? ready.uptime_seconds)],
          ["Version", ready.version],
          ["Providers", ready.providers.join(", ")],
          ["Calls in flight", count(pulse?.calls_in_flight)],
        ]}
      />
      {ready.degraded.map((one) => (
        <p key={one.detail} className="pad warn">
          {one.part}: {one.detail}
        </p>
      ))}
    </Panel>
  );
}

type Metrics = Map<string, number>;

function Store({ ready, metrics }: { ready: Ready; metrics: Metrics }): ReactNode {
  const { storage } = ready;
  return (
    <Panel title="Store">
      <Facts
        rows={[
          ["State", <Dot key="s" tone={storage.state === "ok" ? "good" : "bad"}>{storage.reason ?? storage.state}</Dot>],
          ["Records kept", count(ready.records.kept)],
          ["On disk", bytes(storage.bytes)],
          [
            <Define key="p" what="pending">Waiting for the disk</Define>,
            <span key="w" className="with-meter">
              {count(storage.pending_records)} of {count(PENDING)}
              <Meter used={storage.pending_records} limit={PENDING} label="records waiting for the disk" />
            </span>,
          ],
          [<Define key="g" what="givenUp">Given up for want of disk</Define>, count(sum(metrics, "paceline_storage_dropped_records_total"))],
          [<Define key="d" what="damaged">Damaged reads</Define>, count(sum(metrics, "paceline_storage_damaged_reads_total"))],
        ]}
      />
    </Panel>
  );
}

function Rings({ metrics }: { metrics: Metrics }): ReactNode {
  const value = (name: string): number | null => sum(metrics, name);
  const waiting = value("paceline_records_waiting") ?? 0;
  return (
    <Panel title="Rings and process">
      <Facts
        rows={[
          [
            <Define key="r" what="ring">Ring of records</Define>,
            <span key="r" className="with-meter">
              {count(waiting)} of {count(RING)}
              <Meter used={waiting} limit={RING} label="ring of records" />
            </span>,
          ],
          [<Define key="d" what="dropped">Records dropped</Define>, count(value("paceline_records_dropped_total"))],
          ["Events dropped", count(value("paceline_events_dropped_total"))],
          ["Captures dropped", count(value("paceline_captures_dropped_total"))],
          ["Connections", `${count(value("paceline_connections"))}, ${count(value("paceline_connections_refused_total"))} refused`],
          ["Models without a price", count(value("paceline_price_unknown_models"))],
          ["Memory", bytes(value("process_resident_memory_bytes"))],
          ["Processor time", ms((value("process_cpu_seconds_total") ?? 0) * 1000)],
        ]}
      />
    </Panel>
  );
}

const COLUMNS: Column<Setting>[] = [
  { name: "path", head: "Setting", by: (row) => row.path, cell: (row) => <code>{row.path}</code> },
  { name: "value", head: "Value", cell: (row) => <span className="num wrap">{row.value}</span> },
  { name: "source", head: "From", by: (row) => row.source, cell: (row) => (row.source === "default" ? <span className="dim">default</span> : <strong>{row.source}</strong>) },
];

function Configuration({ config }: { config: Config | undefined }): ReactNode {
  const [text, setText] = useState("");
  const [isGiven, setGiven] = useState(true);
  const all = useMemo(() => (config ? settings(config) : []), [config]);
  const shown = all.filter(
    (row) => (!isGiven || row.source !== "default") && `${row.path} ${row.value}`.toLowerCase().includes(text.toLowerCase()),
  );
  return (
    <Panel
      title="Configuration"
      note={config ? (config.file ?? "no file: from the environment and defaults") : undefined}
      tools={
        <>
          <label className="inline">
            <input type="checkbox" checked={isGiven} onChange={(event) => setGiven(event.target.checked)} /> only what is set
          </label>
          <label className="inline">
            <span className="unseen">find a setting</span>
            <input type="search" placeholder="find a setting" value={text} onChange={(event) => setText(event.target.value)} />
          </label>
        </>
      }
    >
      {shown.length === 0 ? (
        <Empty title={isGiven && text === "" ? "Nothing is set: all settings are defaults. Untick “only what is set” to see them." : "No setting is like this."} />
      ) : (
        <Table caption="Settings" columns={COLUMNS} rows={shown} id={(row) => row.path} />
      )}
    </Panel>
  );
}
