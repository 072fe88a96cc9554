/** The time range that all charts share: a window up to now, or a span somebody zoomed into. */

import { useCallback, useMemo } from "react";
import { useParams } from "./router";

export const WINDOWS = ["15m", "1h", "6h", "24h", "7d", "30d"] as const;
export type Window = (typeof WINDOWS)[number];
export const DEFAULT_WINDOW: Window = "24h";

const SECONDS: Record<Window, number> = { "15m": 900, "1h": 3600, "6h": 21_600, "24h": 86_400, "7d": 604_800, "30d": 2_592_000 };
const WORDS: Record<Window, string> = {
  "15m": "last 15 minutes",
  "1h": "last hour",
  "6h": "last 6 hours",
  "24h": "last 24 hours",
  "7d": "last 7 days",
  "30d": "last 30 days",
};

export interface Range {
  window: Window;
  /** Set while zoomed in, in milliseconds. */
  span: { since: number; until: number } | undefined;
  seconds: number;
  words: string;
  /** The range as the API's parameters. */
  query: string;
  /** How often what is shown is asked for again. */
  refresh: number;
  setWindow: (window: Window) => void;
  zoom: (since: number, until: number) => void;
  reset: () => void;
}

const stamp = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");

export function useRange(): Range {
  const [params, set] = useParams();
  const asked = params.get("range");
  const window = WINDOWS.find((known) => known === asked) ?? DEFAULT_WINDOW;
  const since = params.get("since");
  const until = params.get("until");

  const setWindow = useCallback(
    (next: Window) => set({ range: next === DEFAULT_WINDOW ? null : next, since: null, until: null }),
    [set],
  );
  const zoom = useCallback(
    (from: number, to: number) => {
      const end = Math.min(to, Date.now());
      const begin = Math.min(from, end - 120_000);
      set({ since: stamp(begin), until: stamp(end) });
    },
    [set],
  );
  const reset = useCallback(() => set({ since: null, until: null }), [set]);

  return useMemo(() => {
    const from = since === null ? Number.NaN : Date.parse(since);
    const to = until === null ? Number.NaN : Date.parse(until);
    const span = Number.isNaN(from) || Number.isNaN(to) ? undefined : { since: from, until: to };
    const seconds = span === undefined ? SECONDS[window] : (span.until - span.since) / 1000;
    return {
      window,
      span,
      seconds,
      words: span === undefined ? WORDS[window] : "zoomed span",
      query: span === undefined ? `window=${window}` : `since=${since ?? ""}&until=${until ?? ""}`,
      refresh: span !== undefined ? 0 : seconds <= 3600 ? 5000 : seconds <= 86_400 ? 15_000 : 60_000,
      setWindow,
      zoom,
      reset,
    };
  }, [window, since, until, setWindow, zoom, reset]);
}
