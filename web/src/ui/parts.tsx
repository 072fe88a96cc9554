/** Small parts that every page is made of. */

import { type ReactNode, useState } from "react";
import type { ApiError } from "../api/client";
import type { CallStatus, State } from "../api/types";
import { Define, type Meaning } from "./define";

interface PanelProps {
  title: string;
  meaning?: Meaning;
  note?: ReactNode;
  tools?: ReactNode;
  children: ReactNode;
  className?: string;
}

/** A titled region. */
export function Panel({ title, meaning, note, tools, children, className }: PanelProps): ReactNode {
  return (
    <section className={`panel ${className ?? ""}`} aria-label={title}>
      <header className="panel-head">
        <h2>{meaning ? <Define what={meaning}>{title}</Define> : title}</h2>
        {note !== undefined && <span className="note">{note}</span>}
        {tools !== undefined && <div className="tools">{tools}</div>}
      </header>
      {children}
    </section>
  );
}

interface TileProps {
  label: string;
  meaning: Meaning;
  value: ReactNode;
  children?: ReactNode;
  tone?: State | undefined;
}

/** One figure. */
export function Tile({ label, meaning, value, children, tone }: TileProps): ReactNode {
  return (
    <div className={`tile ${tone ? `tone-${tone}` : ""}`}>
      <div className="tile-label">
        <Define what={meaning}>{label}</Define>
      </div>
      <div className="tile-value">{value}</div>
      <div className="tile-more">{children}</div>
    </div>
  );
}

const STATUS_WORDS: Record<CallStatus, string> = {
  ok: "ok",
  error: "error",
  partial: "partial",
  canceled: "canceled",
  refused: "refused",
};

export function Status({ status }: { status: CallStatus }): ReactNode {
  return <span className={`status status-${status}`}>{STATUS_WORDS[status]}</span>;
}

export function Dot({ tone, children }: { tone: "good" | "warn" | "bad" | "idle"; children?: ReactNode }): ReactNode {
  return (
    <span className="dotted">
      <span className={`dot dot-${tone}`} aria-hidden="true" />
      {children}
    </span>
  );
}

/** How much of a limit is used; the words say the same as the colour. */
export function Meter({ used, limit, label, near = 0.8 }: { used: number; limit: number; label: string; near?: number }): ReactNode {
  const share = limit > 0 ? used / limit : 0;
  const tone = share >= 1 ? "bad" : share >= near ? "warn" : "good";
  return (
    <span
      className="meter"
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.min(100, Math.round(share * 100))}
    >
      <span className={`meter-fill meter-${share > 0 ? tone : "none"}`} style={{ width: `${Math.min(100, share * 100)}%` }} />
    </span>
  );
}

/** What to do, where the message does not say it. */
const HELP: Record<string, string> = {
  storage_unavailable: "Calls go on being served. Health says how the store fares; this page goes on trying.",
  internal_error: "The log where Paceline runs says more.",
};

interface TroubleProps {
  error: ApiError | undefined;
  retry?: () => void;
  /** A way out, such as a button. */
  children?: ReactNode;
}

/** What went wrong and what to do; the last good figures stay on the page. */
export function Trouble({ error, retry, children }: TroubleProps): ReactNode {
  if (error === undefined) return null;
  // A question that was wrong stays so.
  const mayHelp = error.status < 400 || error.status >= 500;
  return (
    <div className="trouble" role="alert">
      <strong>{error.code}</strong> {error.message}
      {HELP[error.code] && <span>{HELP[error.code]}</span>}
      {children}
      {retry && mayHelp && (
        <button type="button" className="button small" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

export function Waiting(): ReactNode {
  return <div className="waiting" role="status" aria-label="loading" />;
}

/** A command to paste. */
export function Command({ text }: { text: string }): ReactNode {
  const [told, setTold] = useState("Copy");
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      setTold("Copied");
    } catch {
      setTold("Select and copy");
    }
    setTimeout(() => setTold("Copy"), 2000);
  };
  return (
    <div className="command">
      <pre>{text}</pre>
      <button type="button" className="button small" onClick={() => void copy()}>
        {told}
      </button>
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }): ReactNode {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      {children}
    </div>
  );
}

/** Name and value in a list. */
export function Facts({ rows }: { rows: [ReactNode, ReactNode][] }): ReactNode {
  return (
    <dl className="facts">
      {rows.map(([name, value], at) => (
        // Rows of one list keep their places.
        <div key={at}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
