/** One call over its time: in line, routing, each try with its connection, its wait and its answer. */

import type { ReactNode } from "react";
import type { Attempt, Call } from "../api/types";
import { ms } from "../format";

interface Part {
  kind: "queue" | "route" | "connect" | "wait" | "answer" | "failed";
  from: number;
  to: number;
  words: string;
}

interface Row {
  name: string;
  note: string;
  isBad: boolean;
  parts: Part[];
}

const REASONS: Record<string, string> = { first: "first try", retry: "once more, after a wait", fallback: "another target", cascade: "the better model" };

function attemptRow(attempt: Attempt, call: Call): Row {
  const from = attempt.started_ms;
  const connected = from + (attempt.connect_ms ?? 0);
  const isBad = attempt.error_kind !== null;
  const parts: Part[] = [];
  const add = (kind: Part["kind"], begin: number, end: number, words: string): void => {
    if (end > begin) parts.push({ kind, from: begin, to: end, words: `${ms(end - begin)} ${words}` });
  };
  add("connect", from, connected, "connecting");
  if (attempt.ttft_ms !== null) {
    add("wait", connected, from + attempt.ttft_ms, "to the first token");
    add(isBad ? "failed" : "answer", from + attempt.ttft_ms, attempt.ended_ms, isBad ? "answer, then broken off" : "answer");
  } else {
    add(isBad ? "failed" : "wait", connected, attempt.ended_ms, isBad ? "until it failed" : call.stream ? "waiting" : "provider at work");
  }
  const how = attempt.error_code ?? attempt.error_kind ?? (attempt.http_status === null ? "" : String(attempt.http_status));
  const again = attempt.retry_after_ms === null ? "" : `, asked to wait ${ms(attempt.retry_after_ms)}`;
  return { name: attempt.deployment, note: `${REASONS[attempt.reason] ?? attempt.reason} · ${how}${again}`, isBad, parts };
}

function rowsOf(call: Call): Row[] {
  const first = call.attempts[0]?.started_ms ?? call.duration_ms;
  const queue = call.queue_ms ?? 0;
  const route = call.route_us === null ? 0 : call.route_us / 1000;
  const parts: Part[] = [];
  if (route > 0) parts.push({ kind: "route", from: 0, to: Math.min(route, call.duration_ms), words: `${ms(route)} reading the body and choosing` });
  // What was waited lies between tries; the rest of it before the first.
  let left = queue;
  call.attempts.slice(1).forEach((next, at) => {
    const from = call.attempts[at]?.ended_ms ?? 0;
    const wide = next.started_ms - from;
    if (wide < 1) return;
    left -= wide;
    parts.push({ kind: "queue", from, to: next.started_ms, words: `${ms(wide)} wait` });
  });
  if (left >= 1) parts.push({ kind: "queue", from: Math.max(0, first - left), to: first, words: `${ms(left)} in line` });
  const own: Row = {
    name: "Paceline",
    note: [route > 0 ? `routing ${ms(route)}` : "", queue > 0 ? `waited ${ms(queue)}` : "no wait"].filter(Boolean).join(" · "),
    isBad: call.status === "refused",
    parts,
  };
  return [own, ...call.attempts.map((attempt) => attemptRow(attempt, call))];
}

export function Waterfall({ call }: { call: Call }): ReactNode {
  const whole = Math.max(call.duration_ms, ...call.attempts.map((one) => one.ended_ms), 0.001);
  const at = (value: number): string => `${Math.min(100, (value / whole) * 100)}%`;
  const first = call.ttft_ms;
  return (
    <div className="fall">
      <ol className="fall-rows" aria-label="from the request's beginning to its end">
        {rowsOf(call).map((row, index) => (
          <li key={index} className="fall-row">
            <div className="fall-name">
              <strong>{row.name}</strong>
              <span className={row.isBad ? "bad" : "dim"}>{row.note}</span>
            </div>
            <div className="fall-track">
              {row.parts.map((part) => (
                <span
                  key={part.from}
                  className={`fall-part fall-${part.kind}`}
                  style={{ left: at(part.from), width: `max(3px, ${((part.to - part.from) / whole) * 100}%)` }}
                  title={part.words}
                >
                  <span className="fall-words">{part.words}</span>
                </span>
              ))}
              {first !== null && <span className="fall-first" style={{ left: at(first) }} aria-hidden="true" />}
            </div>
          </li>
        ))}
      </ol>
      <div className="fall-axis" aria-hidden="true">
        <span>0</span>
        <span>{ms(whole / 4)}</span>
        <span>{ms(whole / 2)}</span>
        <span>{ms((whole * 3) / 4)}</span>
        <span>{ms(whole)}</span>
      </div>
      <p className="fall-key">
        {(["route", "queue", "connect", "wait", "answer", "failed"] as const).map((kind) => (
          <span key={kind}>
            <span className={`fall-swatch fall-${kind}`} aria-hidden="true" /> {KEY[kind]}
          </span>
        ))}
        {first !== null && (
          <span>
            <span className="fall-swatch fall-tick" aria-hidden="true" /> first token at {ms(first)}
          </span>
        )}
      </p>
    </div>
  );
}

const KEY = { route: "routing", queue: "wait", connect: "connecting", wait: "waiting", answer: "answer", failed: "failed" } as const;
