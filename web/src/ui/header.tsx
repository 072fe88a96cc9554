/** The frame's head: where one can go, how things are, and the time range of all charts. */

import type { ReactNode } from "react";
import { useLive } from "../api/live";
import { moment, rate } from "../format";
import { useRange, WINDOWS } from "../range";
import { REFRESHES, useRefresh } from "../refresh";
import { Link, usePlace } from "../router";
import { type Theme, useTheme } from "../theme";
import { Choice } from "./choice";
import { Dot } from "./parts";

const PAGES = [
  ["/", "Overview"],
  ["/ui/models", "Models"],
  ["/ui/calls", "Calls"],
  ["/ui/routing", "Routing"],
  ["/ui/limits", "Limits & keys"],
  ["/ui/health", "Health"],
] as const;

const RANGED = ["/", "/ui", "/ui/models", "/ui/calls", "/ui/routing"];

export function Header({ leave }: { leave: (() => void) | undefined }): ReactNode {
  const { path } = usePlace();
  return (
    <header className="top">
      <div className="top-row">
        <Link to="/" className="brand" label="Paceline, overview">
          <img src="/assets/icon.svg" alt="" width="22" height="22" />
          Paceline
        </Link>
        <nav aria-label="pages">
          {PAGES.map(([to, words]) => (
            <Link
              key={to}
              to={to}
              current={to === "/" ? path === "/" || path === "/ui" : path === to || path.startsWith(`${to}/`)}
            >
              {words}
            </Link>
          ))}
        </nav>
        <div className="top-right">
          <LiveState />
          <ThemeChoice />
          {leave && (
            <button type="button" className="button small" onClick={leave}>
              Sign out
            </button>
          )}
        </div>
      </div>
      {RANGED.includes(path) && <RangeBar />}
    </header>
  );
}

function LiveState(): ReactNode {
  const { link, pulse } = useLive();
  if (link === "paused") return <Dot tone="idle">paused</Dot>;
  if (link === "connecting") return <Dot tone="warn">connecting…</Dot>;
  return (
    <Dot tone="good">
      live <span className="num">{rate(pulse?.recent?.calls_per_second ?? 0)}</span>
    </Dot>
  );
}

const THEMES: [Theme, string][] = [
  ["auto", "Auto"],
  ["light", "Light"],
  ["dark", "Dark"],
];

function ThemeChoice(): ReactNode {
  const [theme, setTheme] = useTheme();
  return <Select label={<span className="unseen">Theme</span>} value={theme} options={THEMES} onChange={setTheme} />;
}

function RefreshChoice(): ReactNode {
  const [refresh, setRefresh] = useRefresh();
  return <Select label="Refresh" value={refresh} options={REFRESHES.map((name) => [name, name])} onChange={setRefresh} />;
}

interface SelectProps<T extends string> {
  label: ReactNode;
  value: T;
  options: [T, string][];
  onChange: (value: T) => void;
}

function Select<T extends string>({ label, value, options, onChange }: SelectProps<T>): ReactNode {
  return (
    <label className="select">
      {label}
      <select value={value} onChange={(event) => onChange(event.target.value as T)}>
        {options.map(([name, words]) => (
          <option key={name} value={name}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Windows, and steps within a span: all that dragging on a chart can do, by keyboard too. */
function RangeBar(): ReactNode {
  const range = useRange();
  const until = range.span?.until ?? Date.now();
  const since = range.span?.since ?? until - range.seconds * 1000;
  const wide = until - since;
  const act = (from: number, to: number) => (): void => range.zoom(from, to);
  const isNow = range.span === undefined || until > Date.now() - 5000;
  return (
    <div className="range" role="group" aria-label="time range">
      <Choice
        label="time range"
        value={range.span ? null : range.window}
        options={WINDOWS.map((name) => [name, name] as const)}
        onChange={range.setWindow}
      />
      <div className="range-steps">
        <button type="button" className="button icon" aria-label="earlier" title="earlier" onClick={act(since - wide / 2, until - wide / 2)}>
          ‹
        </button>
        <button type="button" className="button icon" aria-label="later" title="later" disabled={isNow} onClick={act(since + wide / 2, until + wide / 2)}>
          ›
        </button>
        <button
          type="button"
          className="button icon"
          aria-label="zoom in"
          title="zoom in (or drag on a chart)"
          disabled={wide < 300_000}
          onClick={act(since + wide / 4, until - wide / 4)}
        >
          +
        </button>
        <button
          type="button"
          className="button icon"
          aria-label="zoom out"
          title="zoom out"
          disabled={wide > 15 * 86_400_000}
          onClick={act(since - wide / 2, until + wide / 2)}
        >
          −
        </button>
      </div>
      <span className="range-words">
        {range.span ? (
          <>
            {moment(since)} to {moment(until)}{" "}
            <button type="button" className="button small" onClick={range.reset}>
              Back to {range.window}
            </button>
          </>
        ) : (
          range.words
        )}
      </span>
      <RefreshChoice />
    </div>
  );
}
