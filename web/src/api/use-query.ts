/** Answers of the API that stay fresh while somebody looks. */

import { useCallback, useEffect, useRef, useState } from "react";
import { useInterval } from "../refresh";
import { ApiError, ask } from "./client";

export interface Answer<T> {
  data: T | undefined;
  error: ApiError | undefined;
  isFirst: boolean;
  reload: () => void;
}

/** Asks `path` now, at every change of it, and every `own` milliseconds, or as somebody chose, while the tab is seen. */
export function useQuery<T>(path: string | null, own = 0): Answer<T> {
  const [data, setData] = useState<T>();
  const [error, setError] = useState<ApiError>();
  const [turn, setTurn] = useState(0);
  const refresh = useInterval(own);
  const asked = useRef<string | null>(null);

  useEffect(() => {
    if (path === null) return undefined;
    // Ranges that move (since, until) are the same question; another path is another one.
    if (asked.current?.split("?")[0] !== path.split("?")[0]) setData(undefined);
    asked.current = path;
    const stop = new AbortController();
    const load = async (): Promise<void> => {
      try {
        const found = await ask<T>(path, { signal: stop.signal });
        setData(found);
        setError(undefined);
      } catch (caught) {
        if (stop.signal.aborted) return;
        setError(caught instanceof ApiError ? caught : new ApiError(0, "defect", String(caught)));
      }
    };
    void load();
    const again = (): void => {
      if (!document.hidden) void load();
    };
    const timer = refresh > 0 ? setInterval(again, refresh) : undefined;
    document.addEventListener("visibilitychange", again);
    return () => {
      stop.abort();
      clearInterval(timer);
      document.removeEventListener("visibilitychange", again);
    };
  }, [path, refresh, turn]);

  const reload = useCallback(() => setTurn((was) => was + 1), []);
  return { data, error, isFirst: data === undefined && error === undefined, reload };
}
